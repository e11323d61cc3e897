// The effective configuration, typed and checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "config/settings.h"

namespace holdfast::config {

struct Compression {
  enum class Method { kNone, kLz4, kZstd };
  Method method = Method::kZstd;
  int level = 1;  // zstd only, 1 to 19
  // "zstd:1", "zstd", "lz4", "none". Error(kUsage) otherwise.
  static Compression Parse(std::string_view text);
};

// Of repositories whose URL is s3://...; what is empty is not set.
struct S3 {
  std::string endpoint;
  std::string region;
  std::string path_style;  // "auto", "path", "virtual"
  std::optional<base::Path> ca_file;
  std::string access_key_id;
  std::optional<base::Path> access_key_id_file;
  std::string secret_access_key;
  std::optional<base::Path> secret_access_key_file;
  std::string session_token;
  std::string profile;
  std::optional<base::Path> credentials_file;
  std::string storage_class;
  std::string server_side_encryption;  // "AES256", "aws:kms"
  std::string kms_key_id;
  std::string object_lock_mode;  // "governance", "compliance"; then the days are set
  std::uint32_t object_lock_days = 0;
  std::string checksum;  // "auto", "none", "md5", "sha256"
};

// What a store asks for; 0: nothing, or it is not known.
struct Prices {
  std::string currency;
  double storage = 0;   // a GiB and month
  double put = 0;       // 1000 requests that put, list or copy
  double get = 0;       // 1000 other requests
  double download = 0;  // a GiB that leaves the store
};

struct Repository {
  std::string name;
  std::string url;
  // At most one of these four is set.
  std::optional<base::Path> key_file;
  std::optional<base::Path> passphrase_file;
  std::optional<std::string> passphrase_env;  // the name of a variable
  std::optional<std::string> passphrase;
  std::uint64_t pack_size = 32 * base::kMiB;
  Compression compression;
  // Bytes a second.
  std::optional<std::uint64_t> limit_upload;
  std::optional<std::uint64_t> limit_download;
  S3 s3;
  std::optional<Prices> prices;  // empty: none are set
};

// How many backups to keep, rule by rule; 0, the same as a rule that is not set, keeps none.
struct Retention {
  std::uint32_t last = 0;
  std::uint32_t hours = 0;
  std::uint32_t days = 0;
  std::uint32_t weeks = 0;
  std::uint32_t months = 0;
  std::uint32_t years = 0;
  std::uint32_t fulls = 0;
  base::Duration within{0};
  // How many days back every moment is to stay within reach, 1 or more; empty: as far as backups
  // go.
  std::optional<std::uint32_t> wal_days = std::nullopt;
};

struct PlainCopy {
  base::Path to;
  std::string name;  // empty: the default pattern
  std::optional<std::uint32_t> days;
  bool latest_link = false;
};

struct Job {
  std::string name;
  std::string kind;
  std::string schedule;  // as written; empty: only when asked for
  std::string timezone;  // the configuration's when none is set
  std::vector<std::string> databases;
  std::vector<std::string> tables;
  Retention retention;
  std::optional<PlainCopy> plain;
};

struct Health {
  std::optional<base::Duration> max_backup_age;
  std::optional<base::Duration> max_wal_lag;
  std::optional<std::uint64_t> min_size;
  std::optional<base::Duration> rto;
};

struct Copy {
  std::string repository;
  Retention retention;
};

enum class SourceType { kPostgres, kMysql, kVolume };
enum class WalMode { kStream, kPush, kBoth };

struct Source {
  std::string name;
  SourceType type = SourceType::kPostgres;
  std::string connection;  // may hold a password: print MaskConnection(connection)
  std::optional<base::Path> data_directory;
  WalMode wal = WalMode::kStream;
  std::string repository;
  unsigned jobs = 4;      // parallel readers
  std::string slot_name;  // default: "holdfast_" and the name, as a slot may be called
  std::uint64_t spool_max = base::kGiB;
  base::Duration tail_interval = std::chrono::seconds(1);
  base::Duration wal_poll_interval = std::chrono::seconds(1);
  base::Duration copy_interval = std::chrono::seconds(30);  // of WAL that is streamed
  std::string volume;
  std::optional<base::Path> path;
  std::vector<Copy> copies;
  Retention retention;  // of what no job's governs
  std::vector<Job> jobs_by_name;
  Health health;
};

struct Notify {
  std::vector<std::string> urls;  // secret
  std::vector<std::string> on;
};

struct Config {
  std::string timezone;
  base::Path state_directory;
  std::vector<Repository> repositories;  // the first one is the default
  std::vector<Source> sources;
  Notify notify;

  std::optional<base::Path> file;  // that was read
  Settings settings;               // every value with its origin, defaults included

  // Error(kUsage) with the names there are, and the nearest. An empty name is the first repository.
  const Repository& RepositoryNamed(std::string_view name) const;
  const Source& SourceNamed(std::string_view name) const;
};

// Gives defaults to what is not set, and types to all. Everything wrong is appended to `problems`;
// the result is only of use when nothing was.
Config Bind(Settings settings, std::vector<Problem>& problems);

}  // namespace holdfast::config
