// A private PostgreSQL server for tests, run as the user postgres in a folder of its own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.h"

namespace holdfast::pg {

struct LiveClusterOptions {
  // Lines of postgresql.conf.
  std::vector<std::string> settings{};
  // Replaces pg_hba.conf when not empty.
  std::vector<std::string> hba{};
  std::vector<std::string> initdb_arguments{};
};

// Any failure throws Error(kUnavailable): a test that cannot have its server fails. The server is
// stopped and its folder removed by the destructor. HOLDFAST_TEST_PG_BINDIR names another server
// than Debian's PostgreSQL 15.
class LiveCluster {
 public:
  explicit LiveCluster(const LiveClusterOptions& options = {});
  ~LiveCluster();
  LiveCluster(const LiveCluster&) = delete;
  LiveCluster& operator=(const LiveCluster&) = delete;

  void Start();
  enum class StopMode { kFast, kImmediate };
  void Stop(StopMode mode);
  // As Stop, in two steps.
  void RequestStop(StopMode mode);
  void AwaitStop();

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path data_directory() const { return root_ / "data"; }
  // A folder that the server may write to, for a tablespace.
  std::filesystem::path MakeFolder(std::string_view name) const;
  // A file of the server's own, relative to root().
  void MakeServerFile(const std::filesystem::path& path, std::string_view contents) const;
  int port() const { return port_; }

  // Over the Unix socket as the superuser postgres.
  ConnectOptions connect() const;
  // Over TCP.
  ConnectOptions connect_tcp() const;
  Connection Open() const { return Connection::Open(connect()); }
  // Statements, each on its own, as the superuser.
  void Run(const std::vector<std::string>& statements) const;
  std::string Value(const std::string& sql) const;

  // Runs a program of the server's as the user postgres, its output into the log.
  void Command(const std::vector<std::string>& arguments) const;

 private:
  std::filesystem::path root_;
  int port_ = 0;
};

}  // namespace holdfast::pg
