// The WAL receiver: `wal stream SOURCE`.
//
// Bytes arrive by the replication protocol, or through SQL where that is refused; they are fsynced
// in a local spool before they are acknowledged, stored in the repository soon after, and only then
// the slot moves. Spool and memory are bounded.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file.h"
#include "base/reporter.h"
#include "pg/connection.h"
#include "pg/lsn.h"
#include "wal/archive.h"

namespace holdfast::wal {

enum class StreamMethod { kAutomatic, kReplication, kSql };

// The segment being received, the one before for comparison, and room to go on.
inline constexpr std::uint64_t kMinSpoolSegments = 4;

struct StreamOptions {
  pg::ConnectOptions connect;
  StreamMethod method = StreamMethod::kAutomatic;
  std::string slot_name;       // "holdfast_<source>"
  base::Path spool_directory;  // private to this source; locked while streaming
  // At least kMinSpoolSegments segments are allowed, whatever this says.
  std::uint64_t max_spool_bytes = 1024 * base::kMiB;
  std::chrono::milliseconds poll_interval{1000};  // SQL
  std::chrono::milliseconds tail_interval{
      1000};  // how often the open segment's tail is stored, while WAL grows
  // Refuse any other cluster with Error(kConflict).
  std::optional<pg::SystemIdentifier> expected_system;
  std::optional<pg::Lsn>
      stop_at;  // end once everything up to here is in the repository (backups, tests)
};

// Where a receiver stands. Positions are absent until known.
struct StreamState {
  StreamMethod method = StreamMethod::kAutomatic;
  pg::SystemIdentifier system;
  pg::TimelineId timeline;
  std::optional<pg::Lsn> server;   // the server's flush position
  std::optional<pg::Lsn> spooled;  // fsynced here
  std::optional<pg::Lsn> stored;   // in the repository, of `timeline`
  std::optional<base::Time> last_received;
  std::string problem;  // empty when all is well
};

// The application_name of a receiver's session, by which others find on the server that one with
// this slot runs.
std::string ReceiverSessionName(std::string_view slot_name);

// Runs until `stop`, `stop_at` or a failure that trying again cannot mend (Error(kConflict):
// rolled-back server, another receiver; kDenied). Connection losses and unreachable stores are
// retried with backoff, for ever, and shown through `report` and `observe`.
void Stream(Archive& archive, const StreamOptions& options, base::Clock& clock,
            base::Reporter& report, const std::function<void(const StreamState&)>& observe,
            const std::stop_token& stop);

}  // namespace holdfast::wal
