// The summaries of one source's WAL in a repository, one for each segment:
//
//   wal-summary/<source>/<system id>/<timeline>/<segment>
//
// They are derived from the WAL: whoever finds one missing or damaged reads the WAL instead.
// Metadata: a host that may only add reads and writes them, too.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pg/lsn.h"
#include "repo/repository.h"
#include "wal/summary.h"

namespace holdfast::wal {

// Thread-safe.
class Summaries {
 public:
  Summaries(const repo::Repository& repository, std::string source);

  // One that is there and says as much or more stays.
  void Put(pg::SystemIdentifier system, std::string_view segment_name, const Summary& summary);
  // Empty when there is none that can be understood.
  std::optional<Summary> Get(pg::SystemIdentifier system, std::string_view segment_name) const;

 private:
  std::string ObjectOf(pg::SystemIdentifier system, std::string_view segment_name) const;

  const repo::Repository* repository_;
  std::string source_;
};

// Of a whole segment that was stored: puts its summary, and returns why it could not where it could
// not, which harms no more than that a backup has to read the WAL. Throws nothing but
// Error(kInternal).
std::optional<std::string> SummariseInto(Summaries& summaries, pg::SystemIdentifier system,
                                         std::string_view segment_name, base::ByteView bytes,
                                         const PreviousSegment& previous);

}  // namespace holdfast::wal
