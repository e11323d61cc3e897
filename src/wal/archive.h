// The WAL archive of one source in a repository: segments, history files, partial segments, open
// tails (docs/format/wal.md).
//
//   wal/<source>/<system id>/<timeline>/<file name>.<digest>
//   wal/<source>/<system id>/segment-size/<bytes>
//   wal/<source>/<system id>/timeline/<number>-<timeline>
//   wal-tail/<source>/<system id>/<timeline>/<segment>.<from>-<to>.<digest>
//   wal-summary/<source>/<system id>/<timeline>/<segment>
//
// The digest is keyed and of the raw content: a repeat has the same name, a fork shows as two
// names. Nothing depends on put-if-absent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/synchronized.h"
#include "pg/lsn.h"
#include "pg/timeline_history.h"
#include "pg/wal_segment.h"
#include "repo/pack.h"
#include "repo/repository.h"
#include "wal/object_names.h"
#include "wal/summaries.h"

namespace holdfast::wal {

enum class ArchiveOutcome { kStored, kAlreadyThere };

// A contiguous stretch of WAL that the archive holds on one timeline, [start, end). Segments with
// several contents count as missing.
struct WalRange {
  pg::TimelineId timeline;
  pg::Lsn start;
  pg::Lsn end;
  bool open = false;  // `end` lies in a segment of which only a tail or .partial is there
  friend bool operator==(const WalRange&, const WalRange&) = default;
};

struct ForkedFile {  // one name, several contents
  std::string file_name;
  std::vector<std::string> objects;
};

// What the archive holds of one system identifier, from one listing.
struct Inventory {
  std::uint32_t segment_size = 0;         // 0: no segment seen yet
  std::vector<WalRange> ranges;           // ascending by timeline, then start; gaps lie between
  std::vector<pg::TimelineId> timelines;  // that have any WAL or a history file
  std::vector<ForkedFile> forks;
  std::vector<std::string>
      unknown;  // object names that could not be understood: never ignored silently
  std::vector<std::string> damaged;  // what had to be read and could not be, in words
  // What would have to be read, by a key that opens no content: .partial files, of which nobody
  // knows then where they end. They count as far as tails' names tell.
  std::vector<std::string> unread;
};

// Thread-safe.
class Archive {
 public:
  Archive(const repo::Repository& repository, std::string source);

  const std::string& source() const { return source_; }
  // False with a key that may only add: Get and GetOpenSegment of WAL are Error(kDenied) then.
  bool reads_content() const { return repository_->keyring().opens_content(); }
  // What the segments changed, as far as it is on record.
  Summaries summaries() const { return {*repository_, source_}; }

  // Stores a file of the archive: a whole segment, .history, .partial or .backup file. Other names
  // are Error(kUsage). One that is there already is read, and stored anew when it is damaged.
  // Error(kConflict) when the archive holds another content under that name (never replaced, never
  // added beside it); kCorrupt when a segment is not what its name says (magic, address, timeline,
  // system identifier, size).
  ArchiveOutcome Put(pg::SystemIdentifier system, std::string_view file_name,
                     base::ByteView contents);

  // Empty when it certainly is not there. Error(kConflict) when several contents exist; kCorrupt
  // names the object.
  std::optional<base::Bytes> Get(pg::SystemIdentifier system, std::string_view file_name);
  bool Contains(pg::SystemIdentifier system, std::string_view file_name);
  // The same for who relies on it: Error(kCorrupt) when it was cut, or sealed with other keys than
  // this repository's. Its content is not read.
  bool ContainsSealed(pg::SystemIdentifier system, std::string_view file_name);
  // That very content is there. Nothing but names is looked at.
  bool Holds(pg::SystemIdentifier system, std::string_view file_name, base::ByteView contents);
  // A keyed digest of a file's source, cluster, name and content, 32 hex digits: who finds it
  // beside a copy outside the archive knows that the copy is a file of this archive.
  std::string Seal(pg::SystemIdentifier system, std::string_view file_name,
                   base::ByteView contents) const;

  // The open segment's bytes from its start on: replaces (puts, then removes) the shorter tails of
  // the same segment, damaged ones too. Nothing is stored when the segment is there whole.
  // Error(kConflict) when a tail is not its beginning, or it is not that of the whole segment.
  void PutTail(pg::SystemIdentifier system, pg::TimelineId timeline, pg::Lsn segment_start,
               base::ByteView bytes);
  // Error(kConflict) when a tail of the segment is not the beginning of `whole`. Before it is
  // stored, where nobody could compare it with the archive in another way.
  void CheckTails(pg::SystemIdentifier system, pg::TimelineId timeline, pg::Lsn segment_start,
                  base::ByteView whole);
  // Removes the tails of a segment that is stored whole, with the contents `whole`.
  // Error(kConflict), and nothing removed, when one of them is not its beginning.
  void DropTails(pg::SystemIdentifier system, pg::TimelineId timeline, pg::Lsn segment_start,
                 base::ByteView whole);
  // The longest of tail and .partial of a segment that agrees with the others, zero-padded to the
  // segment size, or the whole segment where it took their place; empty when there is none.
  // Error(kConflict) where they differ; kCorrupt when one that may hold more than all others is
  // damaged.
  struct OpenSegment {
    base::Bytes bytes;  // segment size
    pg::Lsn end{};      // WAL is real up to here
  };
  std::optional<OpenSegment> GetOpenSegment(pg::SystemIdentifier system, pg::TimelineId timeline,
                                            pg::Lsn segment_start, std::uint32_t segment_size);

  // Whether a whole segment of this timeline behind `file_name` is there.
  bool HasLaterSegment(pg::SystemIdentifier system, std::string_view file_name);
  // Whether a whole segment of this timeline before `file_name` is there.
  bool HasEarlierSegment(pg::SystemIdentifier system, std::string_view file_name);

  // Whether any WAL of this timeline is there: a segment, whole or in part.
  bool HasWalOf(pg::SystemIdentifier system, pg::TimelineId timeline);

  // 0 where there is no segment yet. Error(kConflict) where the size was changed meanwhile.
  std::uint32_t SegmentSize(pg::SystemIdentifier system);

  std::vector<pg::SystemIdentifier> Systems();
  // Whoever stores segments in their order meanwhile leaves no gap in it.
  Inventory Take(pg::SystemIdentifier system);
  // Empty for timeline 1, and where the archive has no history file.
  std::optional<pg::TimelineHistory> History(pg::SystemIdentifier system, pg::TimelineId timeline);

  // Which timeline the source itself was seen on, by whoever was connected to it: what "latest"
  // follows. Restored copies that archive by mistake cannot take it over.
  void RecordTimeline(pg::SystemIdentifier system, pg::TimelineId timeline);
  std::optional<pg::TimelineId> RecordedTimeline(pg::SystemIdentifier system);

 private:
  base::Bytes Open(const std::string& object, std::string_view digest) const;
  std::string DigestOf(base::ByteView contents) const;
  ArchiveOutcome Store(const std::string& object, std::string_view digest, repo::PackKind kind,
                       base::ByteView contents);
  bool IsDamaged(const std::string& object, std::string_view digest) const;
  // Error(kConflict) when several contents are there.
  std::optional<std::string> FindObject(pg::SystemIdentifier system, std::string_view file_name);
  void RecordSegmentSize(pg::SystemIdentifier system, pg::SegmentSize size);
  bool BeginsStoredSegment(pg::SystemIdentifier system, const Tail& tail, base::ByteView bytes);
  base::Bytes OpenTail(const std::string& object, const Tail& tail,
                       std::uint32_t segment_size) const;
  void RemoveTails(pg::SystemIdentifier system, const std::vector<Tail>& tails,
                   base::ByteView contents);
  std::optional<OpenSegment> TakeOpenSegment(pg::SystemIdentifier system, pg::TimelineId timeline,
                                             pg::Lsn segment_start, std::uint32_t segment_size);
  Inventory TakeOnce(pg::SystemIdentifier system);
  bool WasOvertaken(pg::SystemIdentifier system, const Inventory& inventory);
  std::vector<Tail> TailsOf(pg::SystemIdentifier system, pg::TimelineId timeline,
                            pg::Lsn segment_start);

  const repo::Repository* repository_;
  std::string source_;
  // Sizes that are on record: no other can be any more.
  base::Synchronized<std::map<pg::SystemIdentifier, pg::SegmentSize>> recorded_sizes_;
};

}  // namespace holdfast::wal
