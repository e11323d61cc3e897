#include "cli/archiver_state.h"

#include <algorithm>

#include "cli/source_access.h"
#include "pg/wal_segment.h"

namespace holdfast::cli {
namespace {

void FindWaiting(Session& session, const config::Source& source, const ServerPosition& server,
                 wal::Archive& archive, const StoredWal& stored, ArchiverFacts& facts) {
  const auto size = pg::SegmentSize::FromBytes(stored.segment_size);
  const pg::SegmentNumber first = pg::SegmentOfByteAt(stored.end, size);
  if (pg::SegmentEnd(first, size) > server.flushed) return;  // it is still being written
  const std::string name = pg::FormatSegmentName(server.timeline, first, size);
  try {
    const auto written = SegmentWritten(ConnectOptionsOf(session, source), first, size);
    // It may have been archived, and then removed, since the archive was looked at.
    if (!written && archive.Contains(server.system, name)) return;
    facts.waiting = name;
    if (written) facts.waiting_for = std::max(server.now - *written, base::Duration(0));
  } catch (const base::Error& error) {
    // How long it waits is not known then; a check tells of the rights.
    if (error.kind() == base::ErrorKind::kCancelled) throw;
  }
}

}  // namespace

bool IsPushed(const config::Source& source) {
  return source.type == config::SourceType::kPostgres && source.wal != config::WalMode::kStream;
}

ArchiverFacts LookAtArchiver(Session& session, const config::Source& source,
                             const ServerPosition& server, wal::Archive& archive,
                             const std::optional<StoredWal>& stored) {
  ArchiverFacts facts{.off = !server.archives && !server.in_recovery};
  if (server.archives) facts.failed = server.archiving_failed;
  if (stored && stored->segment_size != 0)
    FindWaiting(session, source, server, archive, *stored, facts);
  return facts;
}

}  // namespace holdfast::cli
