#include "restore/child_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/error.h"

namespace holdfast::restore {

namespace {

constexpr auto kBetweenLooks = std::chrono::milliseconds(5);

base::File InMemory(const char* name) {
  const int fd = ::memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) throw base::SystemError(errno, "cannot make a file in memory");
  return {fd, name};
}

std::string TextOf(const base::File& file) {
  base::Bytes bytes(file.Size());
  bytes.resize(file.ReadAt(0, bytes));
  return std::string(base::AsText(bytes));
}

// The last line that says anything.
std::string LastLine(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const auto start = text.rfind('\n');
  return start == std::string::npos ? text : text.substr(start + 1);
}

// The environment, with names and passphrases read as UTF-8 wherever this runs.
std::vector<std::string> Environment() {
  std::vector<std::string> variables = {"LC_ALL=C.UTF-8"};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("LC_ALL=")) variables.emplace_back(*variable);
  }
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Returns an errno value.
int Spawn(std::vector<std::string> words, int input, int output, int errors, pid_t& child) {
  std::vector<std::string> variables = Environment();
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigaddset(&signals, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int result = ::posix_spawnp(&child, words.front().c_str(), &files, &attributes,
                                    Pointers(words).data(), Pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return result;
}

}  // namespace

ChildProgram::ChildProgram(std::vector<std::string> words)
    : name_(words.front()), output_(InMemory("output")), errors_(InMemory("errors")) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw base::SystemError(errno, "cannot make a pipe");
  const base::File read_end(ends[0], name_);
  input_ = base::File(ends[1], "the input of " + name_);
  const int result = Spawn(std::move(words), read_end.fd(), output_.fd(), errors_.fd(), child_);
  if (result == 0) return;
  child_ = -1;
  throw base::SystemError(result, fmt::format("cannot run the program {}", name_));
}

ChildProgram::~ChildProgram() {
  if (child_ < 0 || status_) return;
  // Before its input ends: it would take that for the end of what it is to keep.
  ::kill(child_, SIGKILL);
  (void)Reap(true);
}

void ChildProgram::Write(base::ByteView bytes) {
  try {
    input_.Append(bytes);
  } catch (const base::Error&) {
    // Only when it is not there any more: what it said says more.
    (void)Reap(true);
    ReportEnd();
  }
}

void ChildProgram::WaitUntilRead() {
  int waiting = 0;
  while (::ioctl(input_.fd(), FIONREAD, &waiting) == 0 && waiting > 0) {
    if (Reap(false)) ReportEnd();
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

std::string ChildProgram::Finish() {
  input_.Close();
  (void)Reap(true);
  if (!WIFEXITED(*status_) || WEXITSTATUS(*status_) != 0) ReportEnd();
  return TextOf(output_);
}

bool ChildProgram::Reap(bool wait) {
  if (status_) return true;
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = ::waitpid(child_, &status, wait ? 0 : WNOHANG);
  } while (reaped < 0 && errno == EINTR);
  if (reaped == 0) return false;
  status_ = status;
  return true;
}

void ChildProgram::ReportEnd() {
  const std::string said = LastLine(TextOf(errors_));
  const std::string how = WIFEXITED(*status_) ? fmt::format("exit status {}", WEXITSTATUS(*status_))
                                              : fmt::format("signal {}", WTERMSIG(*status_));
  throw base::Error(
      base::ErrorKind::kUnavailable,
      fmt::format("{} ended with {}: {}", name_, how, said.empty() ? "it did not say why" : said));
}

}  // namespace holdfast::restore
