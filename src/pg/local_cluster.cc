#include "pg/local_cluster.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/time_text.h"
#include "pg/control_file.h"
#include "pg/digits.h"
#include "pg/open_beneath.h"
#include "pg/wal_segment.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;
using std::chrono::seconds;

// postmaster.pid has the time of the process's start, pg_postmaster_start_time() that of accepting
// connections: shared memory is made in between, which takes its time when it is large.
constexpr seconds kClockSlack{2};
constexpr seconds kStartup{120};

[[noreturn]] void Conflict(const base::File& root, std::string_view what) {
  throw base::Error(ErrorKind::kConflict,
                    fmt::format("{} is not the data directory of the server connected to: {}",
                                root.path().native(), what),
                    {"check data_directory and the host and port of the connection",
                     "leave data_directory out: then files are read through the connection"});
}

std::string ReadSmallFile(const base::File& root, std::string_view path) {
  const std::optional<base::File> file = OpenBeneath(root, path);
  if (!file) Conflict(root, fmt::format("it has no {}", path));
  std::array<std::uint8_t, 16384> buffer{};
  const std::size_t size = file->ReadAt(0, buffer);
  return std::string(base::AsText(base::ByteView(buffer).first(size)));
}

void RequireSystemIdentifier(const base::File& root, SystemIdentifier expected) {
  // The server may be writing it just now.
  constexpr int kAttempts = 10;
  for (int attempt = 1;; ++attempt) {
    try {
      const std::string bytes = ReadSmallFile(root, "global/pg_control");
      if (ParseControlFile(base::AsBytes(bytes)).system_identifier == expected) return;
      Conflict(root, "it has another system identifier");
    } catch (const base::Error& error) {
      if (error.kind() != ErrorKind::kCorrupt || attempt == kAttempts) throw;
    }
  }
}

void RequireSlot(const base::File& root, const std::string& slot) {
  if (slot.empty()) return;
  const auto slots = OpenChild(root, "pg_replslot", O_RDONLY | O_DIRECTORY);
  if (!slots || !OpenChild(*slots, slot, O_RDONLY | O_DIRECTORY)) {
    Conflict(root, "it has no trace of the session's replication slot");
  }
}

void RequirePostmaster(const base::File& root, const ClusterFacts& facts) {
  const PostmasterPid pid = ParsePostmasterPid(ReadSmallFile(root, "postmaster.pid"));
  if (!facts.data_directory.empty() && pid.data_directory != facts.data_directory) {
    Conflict(root, fmt::format("its server calls it {}, the one connected to {}",
                               pid.data_directory, facts.data_directory));
  }
  if (pid.port != facts.port) {
    Conflict(root,
             fmt::format("its server has port {}, the one connected to {}", pid.port, facts.port));
  }
  const base::Time start = base::ParseTime(facts.postmaster_start, "UTC");
  if (start < pid.start - kClockSlack || start > pid.start + kStartup) {
    Conflict(root, fmt::format("its server was started at {}, the one connected to at {}",
                               base::FormatRfc3339(pid.start), base::FormatRfc3339(start)));
  }
}

}  // namespace

PostmasterPid ParsePostmasterPid(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;  // the last line may be half-written
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  const auto start = lines.size() > 3 ? ParseDigits<std::uint32_t>(lines[2]) : std::nullopt;
  const auto port = lines.size() > 3 ? ParseDigits<std::uint16_t>(lines[3]) : std::nullopt;
  if (!start || !port) {
    throw base::Error(ErrorKind::kCorrupt, "postmaster.pid does not look as a server writes it");
  }
  return {
      .data_directory = std::string(lines[1]), .start = base::Time(seconds(*start)), .port = *port};
}

void RequireSessionsCluster(const base::File& root, const ClusterFacts& facts,
                            const PostmasterProof& proof) {
  RequireSystemIdentifier(root, facts.system_identifier);
  RequirePostmaster(root, facts);
  RequireSlot(root, proof.slot);
}

std::vector<std::string> WalFilesAmong(std::vector<std::string> names) {
  std::erase_if(names, [](const std::string& name) {
    const std::optional<WalFileKind> kind = WalFileKindOf(name);
    return !kind || kind == WalFileKind::kBackupHistory;
  });
  std::ranges::sort(names);
  return names;
}

}  // namespace holdfast::pg
