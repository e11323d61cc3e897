#include "restore/child_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

struct Descriptors {
  int input;
  int output;
  int errors;
};

// In the child, between fork and exec: nothing here takes a lock. Returns only when it failed.
void Become(const Descriptors& files, pid_t parent, char* const* words, char* const* variables) {
  ::setsid();
  // Whoever feeds it may be killed: what it has then is no whole, and nobody waits for it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) return;
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  (void)::signal(SIGPIPE, SIG_DFL);
  if (::dup2(files.input, STDIN_FILENO) < 0 || ::dup2(files.output, STDOUT_FILENO) < 0 ||
      ::dup2(files.errors, STDERR_FILENO) < 0)
    return;
  ::execvpe(words[0], words, variables);
}

// Ends with the thread that called this, at the latest. Returns an errno value.
int Spawn(std::vector<std::string> words, const Descriptors& files, pid_t& child) {
  std::vector<std::string> variables = Environment();
  const std::vector<char*> word_pointers = Pointers(words);
  const std::vector<char*> variable_pointers = Pointers(variables);
  int ends[2];  // the exec closes it; what fails before is told through it
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
  const base::File read_end(ends[0], "a pipe");
  base::File write_end(ends[1], "a pipe");
  const pid_t parent = ::getpid();
  child = ::fork();
  if (child == 0) {
    Become(files, parent, word_pointers.data(), variable_pointers.data());
    const int error = errno;
    (void)!::write(ends[1], &error, sizeof error);
    ::_exit(127);
  }
  if (child < 0) return errno;
  write_end.Close();
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(ends[0], &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return 0;
  (void)::waitpid(child, nullptr, 0);
  return got == static_cast<ssize_t>(sizeof error) ? error : EIO;
}

}  // namespace

ChildProgram::ChildProgram(std::vector<std::string> words)
    : name_(words.front()), output_(InMemory("output")), errors_(InMemory("errors")) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw base::SystemError(errno, "cannot make a pipe");
  const base::File read_end(ends[0], name_);
  input_ = base::File(ends[1], "the input of " + name_);
  const int result =
      Spawn(std::move(words),
            {.input = read_end.fd(), .output = output_.fd(), .errors = errors_.fd()}, child_);
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
