#include "pg/testing/live_cluster.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/random.h"

namespace holdfast::pg {

namespace {

namespace fs = std::filesystem;
using base::ErrorKind;

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
};

// The server refuses to run as root.
User ServerUser() {
  if (::geteuid() != 0) return {::geteuid(), ::getegid()};
  const passwd* const entry = ::getpwnam("postgres");
  if (entry == nullptr) throw base::Error(ErrorKind::kUnavailable, "there is no user postgres");
  return {entry->pw_uid, entry->pw_gid};
}

void GiveToServer(const fs::path& path) {
  const User user = ServerUser();
  if (::chown(path.c_str(), user.uid, user.gid) != 0) {
    throw base::SystemError(errno, fmt::format("cannot give {} to the server", path.native()));
  }
}

int FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool ok = ::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0;
  ::close(fd);
  if (!ok) throw base::Error(ErrorKind::kUnavailable, "there is no free port");
  return ntohs(address.sin_port);
}

fs::path BinDirectory() {
  const char* const chosen = std::getenv("HOLDFAST_TEST_PG_BINDIR");
  return chosen != nullptr ? chosen : "/usr/lib/postgresql/15/bin";
}

std::string ReadText(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

const char* ModeName(LiveCluster::StopMode mode) {
  return mode == LiveCluster::StopMode::kFast ? "fast" : "immediate";
}

// In the child, between fork and exec: async-signal-safe calls only.
[[noreturn]] void Exec(const User& user, const char* log, char* const* arguments) {
  const int fd = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
  ::dup2(fd, STDOUT_FILENO);
  ::dup2(fd, STDERR_FILENO);
  if (::geteuid() == 0 &&
      (::setgroups(0, nullptr) != 0 || ::setgid(user.gid) != 0 || ::setuid(user.uid) != 0)) {
    ::_exit(126);
  }
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

LiveCluster::LiveCluster(const LiveClusterOptions& options)
    : root_(fs::temp_directory_path() / fmt::format("holdfast-{}", base::RandomHex(6))),
      port_(FreePort()) {
  fs::create_directory(root_);
  fs::permissions(root_, fs::perms::all);
  GiveToServer(root_);
  std::vector<std::string> initdb = {"initdb",    "-N",       "-D",           data_directory(),
                                     "-U",        "postgres", "--auth=trust", "--encoding=UTF8",
                                     "--locale=C"};
  initdb.insert(initdb.end(), options.initdb_arguments.begin(), options.initdb_arguments.end());
  Command(initdb);
  std::ofstream(data_directory() / "postgresql.conf", std::ios::app) << fmt::format(
      "port = {}\nunix_socket_directories = '{}'\nlisten_addresses = '127.0.0.1'\n"
      "fsync = off\nshared_buffers = 16MB\nmax_wal_size = 256MB\n{}\n",
      port_, root_.native(), fmt::join(options.settings, "\n"));
  if (!options.hba.empty()) {
    std::ofstream(data_directory() / "pg_hba.conf")
        << fmt::format("{}\n", fmt::join(options.hba, "\n"));
  }
  Start();
}

LiveCluster::~LiveCluster() {
  try {
    Stop(StopMode::kImmediate);
  } catch (...) {  // it was stopped by the test
  }
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

void LiveCluster::Start() {
  Command(
      {"pg_ctl", "start", "-w", "-t", "60", "-D", data_directory(), "-l", root_ / "server.log"});
}

void LiveCluster::Stop(StopMode mode) {
  Command({"pg_ctl", "stop", "-w", "-t", "60", "-D", data_directory(), "-m", ModeName(mode)});
}

void LiveCluster::RequestStop(StopMode mode) {
  Command({"pg_ctl", "stop", "-W", "-D", data_directory(), "-m", ModeName(mode)});
}

void LiveCluster::AwaitStop() {
  // The server removes the file as its last deed.
  for (int i = 0; i < 600 && fs::exists(data_directory() / "postmaster.pid"); ++i) {
    ::usleep(100'000);
  }
}

fs::path LiveCluster::MakeFolder(std::string_view name) const {
  fs::path folder = root_ / name;
  fs::create_directories(folder);
  GiveToServer(folder);
  return folder;
}

void LiveCluster::MakeServerFile(const fs::path& path, std::string_view contents) const {
  std::ofstream(root_ / path) << contents;
  GiveToServer(root_ / path);
}

ConnectOptions LiveCluster::connect() const {
  ConnectOptions options;
  options.conninfo =
      fmt::format("host={} port={} user=postgres dbname=postgres", root_.native(), port_);
  return options;
}

ConnectOptions LiveCluster::connect_tcp() const {
  ConnectOptions options;
  options.conninfo = fmt::format("host=127.0.0.1 port={} user=postgres dbname=postgres", port_);
  return options;
}

void LiveCluster::Run(const std::vector<std::string>& statements) const {
  Connection connection = Open();
  connection.Query("SET search_path = public");
  for (const std::string& statement : statements) connection.Query(statement);
}

std::string LiveCluster::Value(const std::string& sql) const {
  Connection connection = Open();
  connection.Query("SET search_path = public");
  return connection.QueryValue(sql);
}

void LiveCluster::Command(const std::vector<std::string>& arguments) const {
  const std::string program = BinDirectory() / arguments.at(0);
  std::vector<std::string> words = arguments;
  words[0] = program;
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const std::string log = root_ / "commands.log";
  const User user = ServerUser();
  const pid_t pid = ::fork();
  if (pid < 0) throw base::SystemError(errno, "cannot fork");
  if (pid == 0) Exec(user, log.c_str(), pointers.data());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) {
    throw base::Error(
        ErrorKind::kUnavailable,
        fmt::format("{} failed: {}\n{}", program, ReadText(log), ReadText(root_ / "server.log")));
  }
}

}  // namespace holdfast::pg
