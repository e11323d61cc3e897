#include "cli/receiver_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/time_text.h"

namespace holdfast::cli {
namespace {

base::Path LockPath(const base::Path& path) { return path.string() + ".lock"; }

std::string_view MethodName(wal::StreamMethod method) {
  switch (method) {
    case wal::StreamMethod::kReplication:
      return "replication";
    case wal::StreamMethod::kSql:
      return "sql";
    case wal::StreamMethod::kAutomatic:
      break;
  }
  return "automatic";
}

nlohmann::json LsnJson(const std::optional<pg::Lsn>& lsn) {
  return lsn ? nlohmann::json(pg::FormatLsn(*lsn)) : nlohmann::json();
}

bool IsLocked(const base::Path& path) {
  const auto lock = base::File::OpenIfExists(path, O_RDONLY);
  return lock && flock(lock->fd(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

nlohmann::json ToJson(const wal::StreamState& state) {
  return {{"method", MethodName(state.method)},
          {"system_identifier", std::to_string(state.system.value())},
          {"timeline", state.timeline.value()},
          {"server_lsn", LsnJson(state.server)},
          {"spooled_lsn", LsnJson(state.spooled)},
          {"stored_lsn", LsnJson(state.stored)},
          {"last_received", state.last_received
                                ? nlohmann::json(base::FormatRfc3339(*state.last_received))
                                : nlohmann::json()},
          {"problem", state.problem}};
}

ReceiverFile::ReceiverFile(base::Path path, base::Clock& clock)
    : path_(std::move(path)), clock_(clock) {
  base::MakeDirectories(path_.parent_path());
  lock_ = base::File::Open(LockPath(path_), O_RDWR | O_CREAT, 0600);
  if (flock(lock_.fd(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) throw base::SystemError(errno, LockPath(path_).string());
  throw base::Error(base::ErrorKind::kConflict, "another receiver of this source runs on this host",
                    {fmt::format("its state is in {}", path_.string())});
}

void ReceiverFile::Write(const wal::StreamState& state) {
  nlohmann::json object = ToJson(state);
  object["updated_at"] = base::FormatRfc3339(clock_.Now());
  base::WriteFileDurably(path_, base::AsBytes(object.dump(2) + "\n"), 0644);
}

nlohmann::json ReadReceiverFile(const base::Path& path) {
  const auto bytes = base::ReadFileIfExists(path);
  if (!bytes) return nullptr;
  nlohmann::json object = nlohmann::json::parse(base::AsText(*bytes), nullptr, false);
  if (!object.is_object())
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} is no state of a receiver", path.string()));
  object["running"] = IsLocked(LockPath(path));
  return object;
}

}  // namespace holdfast::cli
