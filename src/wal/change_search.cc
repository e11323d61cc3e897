#include "wal/change_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/workers.h"
#include "pg/wal_page.h"
#include "pg/wal_reader.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

constexpr std::size_t kSummariesAtOnce = 256;
constexpr std::size_t kReadBytes = base::kMiB;
// Enough for the record that a backup's WAL begins with: a checkpoint's beginning.
constexpr std::uint64_t kRecordBytes = 64 * base::kKiB;

// Where WAL before a record's start ends: a page's header in between is no WAL.
pg::Lsn BehindPageHeader(pg::Lsn start, pg::SegmentSize size) {
  const std::uint64_t in_page = start.value() % pg::kWalPageSize;
  const bool first = pg::OffsetInSegment(start, size) < pg::kWalPageSize;
  const std::uint64_t header = first ? pg::kWalLongPageHeaderSize : pg::kWalPageHeaderSize;
  return in_page <= header ? pg::Lsn(start.value() - in_page) : start;
}

class Search {
 public:
  Search(Archive& archive, const ReadServerWal& server, const ChangeSearch& search,
         const std::stop_token& stop)
      : archive_(archive),
        summaries_(archive.summaries()),
        server_(server),
        search_(search),
        stop_(stop),
        to_(BehindPageHeader(search.to, search.segment_size)),
        covered_(search.from) {}

  FoundChanges Run() {
    pg::SegmentNumber next = pg::SegmentOfByteAt(search_.from, search_.segment_size);
    while (covered_ < to_) {
      base::ThrowIfStopped(stop_);
      next = RunBatch(next);
    }
    RequireThatItLeadsToTheServer();
    return std::move(found_);
  }

 private:
  struct Piece {
    pg::SegmentNumber segment;
    std::string name;
    std::optional<Summary> summary;
  };

  // Of the newest timeline that begins in the segment or before: an older one's file of the same
  // segment holds records that were abandoned.
  std::string NameOf(pg::SegmentNumber segment) const {
    for (auto newest = search_.lineage.rbegin(); newest != search_.lineage.rend(); ++newest) {
      if (pg::SegmentOfByteAt(newest->begin, search_.segment_size) <= segment) {
        return pg::FormatSegmentName(newest->timeline, segment, search_.segment_size);
      }
    }
    throw base::Error(base::ErrorKind::kInternal, "a lineage begins behind its WAL");
  }

  // Returns the segment to go on with.
  pg::SegmentNumber RunBatch(pg::SegmentNumber first) {
    std::vector<Piece> pieces;
    const pg::SegmentNumber last = pg::SegmentOfByteBefore(to_, search_.segment_size);
    for (auto next = first; next <= last && pieces.size() < kSummariesAtOnce;
         next = pg::NextSegment(next)) {
      pieces.push_back({.segment = next, .name = NameOf(next), .summary = std::nullopt});
    }
    if (pieces.empty()) throw Missing("it ends there");
    Fetch(pieces);
    for (Piece& piece : pieces) {
      base::ThrowIfStopped(stop_);
      Add(piece);
      if (covered_ >= to_) break;
      RequireReached(piece);
    }
    return pg::NextSegment(pieces.back().segment);
  }

  void Fetch(std::vector<Piece>& pieces) {
    std::atomic<std::size_t> next = 0;
    base::Workers workers(stop_);
    for (int i = 0; i < search_.jobs; ++i) {
      workers.Start([&](const std::stop_token& stop) {
        for (std::size_t n = next++; n < pieces.size() && !stop.stop_requested(); n = next++) {
          pieces[n].summary = summaries_.Get(search_.system, pieces[n].name);
        }
      });
    }
    workers.Join();
  }

  void Add(Piece& piece) {
    if (!IsOpen(piece.segment) && Continues(piece.summary)) {
      ++found_.from_summaries;
    } else {
      piece.summary = FromWal(piece);
      ++found_.from_wal;
    }
    if (!piece.summary) return;  // the segment lies inside of a record
    if (!Continues(piece.summary)) {
      throw Missing(fmt::format("the record that goes on in {} is not there whole", piece.name));
    }
    if (last_record_.IsValid() && piece.summary->previous_record != last_record_) {
      throw Missing(fmt::format("what {} holds does not follow it", piece.name));
    }
    found_.changes.Unite(piece.summary->changes);
    covered_ = std::max(covered_, piece.summary->end);
    last_record_ = piece.summary->last_record;
  }

  // The archive may hold WAL that this server never wrote: it was taken back to a snapshot of its
  // disk, and went on past where it had been. What it has at `to` names another record then.
  void RequireThatItLeadsToTheServer() const {
    const pg::SegmentSize size = search_.segment_size;
    const std::string name = NameOf(pg::SegmentOfByteAt(search_.to, size));
    const std::uint64_t offset = pg::OffsetInSegment(search_.to, size);
    const auto bytes = ReadFromServer(name, std::min(offset + kRecordBytes, size.bytes()));
    if (!bytes) throw Missing(fmt::format("{} is not on the server", name));
    pg::WalReader reader({.version = ReadSegmentHeader(*bytes, name).version,
                          .segment_size = size,
                          .start = search_.to});
    reader.Feed(base::ByteView(*bytes).subspan(offset));
    const pg::WalRecord* record = reader.Next();
    if (record != nullptr && record->header.previous == last_record_) return;
    throw Missing(fmt::format("it does not lead to {} on the server", pg::FormatLsn(search_.to)));
  }

  bool IsOpen(pg::SegmentNumber segment) const {
    return pg::SegmentEnd(segment, search_.segment_size) > search_.to;
  }

  bool Continues(const std::optional<Summary>& summary) const {
    return summary && summary->start <= covered_;
  }

  // Only a record that is longer than a segment leaves one without the end of any.
  void RequireReached(const Piece& piece) const {
    if (covered_ >= pg::SegmentStart(piece.segment, search_.segment_size)) return;
    throw Missing(fmt::format("{} holds no record that ends in it", piece.name));
  }

  base::Error Missing(std::string_view why) const {
    return {base::ErrorKind::kNotFound,
            fmt::format("the WAL behind {} cannot be followed: {}", pg::FormatLsn(covered_), why)};
  }

  // ---- from the WAL

  std::optional<Summary> FromWal(const Piece& piece) {
    auto [bytes, is_archived] = Read(piece.segment, piece.name);
    const auto before = [&](std::uint64_t count) { return EndOfPrevious(piece.segment, count); };
    std::optional<Summary> summary = Summarise(bytes, before);
    if (summary && is_archived) Keep(piece.name, *summary);
    previous_segment_ = piece.segment;
    previous_ = std::move(bytes);
    return summary;
  }

  // For the next search; this one does not depend on it.
  void Keep(const std::string& name, const Summary& summary) {
    try {
      summaries_.Put(search_.system, name, summary);
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kInternal) throw;
    }
  }

  std::optional<base::Bytes> EndOfPrevious(pg::SegmentNumber segment, std::uint64_t count) {
    if (segment == pg::SegmentNumber(0)) return std::nullopt;
    const pg::SegmentNumber previous(segment.value() - 1);
    if (previous_.empty() || previous_segment_ != previous) {
      std::optional<ReadSegment> read = TryRead(previous, NameOf(previous));
      if (!read) return std::nullopt;
      previous_ = std::move(read->bytes);
      previous_segment_ = previous;
    }
    if (previous_.size() != search_.segment_size.bytes()) return std::nullopt;
    return base::Bytes(previous_.end() - static_cast<std::ptrdiff_t>(count), previous_.end());
  }

  struct ReadSegment {
    base::Bytes bytes;
    bool is_archived = false;
  };

  ReadSegment Read(pg::SegmentNumber segment, const std::string& name) {
    if (std::optional<ReadSegment> read = TryRead(segment, name)) return std::move(*read);
    throw Missing(fmt::format("{} is neither in the archive nor on the server", name));
  }

  // The segment that `to` lies in is not whole yet: only the server has all of it.
  std::optional<ReadSegment> TryRead(pg::SegmentNumber segment, const std::string& name) {
    const pg::Lsn start = pg::SegmentStart(segment, search_.segment_size);
    const bool open = IsOpen(segment);
    if (!open && archive_.reads_content()) {
      if (auto whole = ReadFromArchive(name)) return ReadSegment{std::move(*whole), true};
    }
    auto bytes = ReadFromServer(name, open ? search_.to - start : search_.segment_size.bytes());
    if (!bytes) return std::nullopt;
    return ReadSegment{std::move(*bytes), false};
  }

  // One that is damaged there may be sound on the server.
  std::optional<base::Bytes> ReadFromArchive(const std::string& name) const {
    try {
      return archive_.Get(search_.system, name);
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kCorrupt) throw;
      return std::nullopt;
    }
  }

  std::optional<base::Bytes> ReadFromServer(const std::string& name, std::uint64_t size) const {
    base::Bytes bytes(size);
    for (std::uint64_t at = 0; at < size;) {
      base::ThrowIfStopped(stop_);
      const auto piece =
          base::MutableByteView(bytes).subspan(at, std::min<std::uint64_t>(kReadBytes, size - at));
      const std::optional<std::size_t> count = server_(name, at, piece);
      if (!count || *count < piece.size()) return std::nullopt;
      at += piece.size();
    }
    return IsThatSegment(bytes, name) ? std::optional(std::move(bytes)) : std::nullopt;
  }

  // A file of that name may have been recycled for a later one meanwhile.
  bool IsThatSegment(base::ByteView bytes, const std::string& name) const {
    try {
      return CheckSegmentStart(bytes, name).system == search_.system;
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kCorrupt) throw;
      return false;
    }
  }

  Archive& archive_;
  Summaries summaries_;
  const ReadServerWal& server_;
  const ChangeSearch& search_;
  const std::stop_token& stop_;
  const pg::Lsn to_;
  pg::Lsn covered_;  // all records before this are in `found_`
  pg::Lsn last_record_;
  FoundChanges found_;
  base::Bytes previous_;
  pg::SegmentNumber previous_segment_;
};

}  // namespace

FoundChanges FindChanges(Archive& archive, const ReadServerWal& server, const ChangeSearch& search,
                         const std::stop_token& stop) {
  return Search(archive, server, search, stop).Run();
}

}  // namespace holdfast::wal
