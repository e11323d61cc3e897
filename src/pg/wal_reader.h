// Finds the records in a stream of WAL bytes, across pages and segments, and the point where valid
// WAL ends.
//
// Push style: the owner feeds bytes as they come, in pieces of any size, and takes the records out;
// memory is the largest record plus the largest piece. What lies between two feeds may be saved
// (Carry) and given to a later reader, in another process too.
//
//   WalReader reader({.version = ..., .segment_size = ..., .start = ...});
//   reader.Feed(bytes);
//   while (const WalRecord* record = reader.Next()) { ... }
//   if (reader.end()) { ... }  // no valid WAL beyond
//
// Rules, from src/backend/access/transam/xlogreader.c: records start at multiples of 8; a record
// that does not fit goes on behind the next page's header; WAL ends at the first record or page
// that is not what it must be, which is the usual case and no failure. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "pg/lsn.h"
#include "pg/version.h"
#include "pg/wal_page.h"
#include "pg/wal_record.h"
#include "pg/wal_segment.h"

namespace holdfast::pg {

enum class WalEndReason {
  kNoRecord,   // zeros: never written
  kBadPage,    // not a page of this WAL: stale, zero, or of another timeline
  kBadLength,  // a record's length is impossible
  kBadLink,    // a record does not name the one before it
  kBadCrc,     // torn or damaged
  kBadResourceManager,
  kLostContinuation,  // a record's rest is not there
  kUndecodable,       // the CRC is right and the parts do not fit: not WAL of this version
};
std::string_view WalEndReasonName(WalEndReason reason);

struct WalEnd {
  // Valid WAL ends before this position: the end of the last whole record.
  Lsn lsn;
  WalEndReason reason = WalEndReason::kNoRecord;
  std::string text;  // a sentence for people
};

// What a reader must know to go on where another stopped.
struct WalCarry {
  Lsn position;         // the next byte to be fed
  Lsn previous_record;  // start of the last whole record, 0 if none was seen
  Lsn record_start;     // of the record that is not whole yet; 0 if there is none
  TimelineId record_timeline;
  base::Bytes record;    // its bytes so far
  Lsn abandoned_record;  // start of a record given up whose successor is not whole yet
  // Bytes still to be skipped of a record whose start was never seen, as at the very beginning.
  std::uint64_t skipping = 0;
  Lsn skip_to;          // the end of the segment after a switch
  Lsn valid_to;         // see WalReader::valid_to
  TimelineId timeline;  // of the last page

  friend bool operator==(const WalCarry&, const WalCarry&) = default;
};

struct WalReaderOptions {
  MajorVersion version;
  SegmentSize segment_size;
  // The first byte to be fed: the start of a page, from where the first record that starts there or
  // later is found; or the exact start of a record.
  Lsn start;
  // Refused as kBadPage when a segment's first page says otherwise; none: not checked.
  std::optional<SystemIdentifier> system_identifier = std::nullopt;
};

class WalReader {
 public:
  explicit WalReader(const WalReaderOptions& options);
  // Goes on from `carry`; `options.start` does not count.
  WalReader(const WalReaderOptions& options, WalCarry carry);

  // The bytes that follow those fed before. Ends the validity of the last record returned.
  void Feed(base::ByteView bytes);
  // The next whole record, valid until the next call of Next or Feed. nullptr: feed more, or WAL
  // has ended.
  const WalRecord* Next();

  // Where the next byte fed must come from.
  Lsn fed_to() const { return state_.position + available(); }
  // The end of the last whole record (0 before the first).
  Lsn valid_to() const { return state_.valid_to; }
  // Set once WAL has ended; then nothing more comes.
  const std::optional<WalEnd>& end() const { return end_; }
  // The state for another reader. Only after Next() has returned nullptr without an end; the bytes
  // from `position` on, fewer than a page header, must be fed again.
  WalCarry Carry() const { return state_; }

 private:
  enum class Step { kGoOn, kNeedBytes, kStop };

  Step Advance();
  Step SkipUnusedSegment();
  Step EnterPage();
  bool PageIsRight(const WalPageHeader& header);
  bool ContinuationIsRight(const WalPageHeader& header);
  void AbandonRecord();
  Step SkipRestOfRecord();
  Step BeginRecord();
  Step CollectRecord();
  bool HeaderIsRight();
  Step FinishRecord();
  bool FollowsAbandonedRecord();

  bool IsCollecting() const { return state_.record_start.IsValid(); }
  std::size_t available() const { return input_.size() - consumed_; }
  base::ByteView Consume(std::size_t count);
  // Up to `count` of the bytes that are there, not beyond the page.
  base::ByteView ConsumeInPage(std::uint64_t count);
  // Returns false, so that checks read as one line.
  bool End(WalEndReason reason, std::string text);

  WalReaderOptions options_;
  WalCarry state_;
  bool knows_what_precedes_ = false;  // a page that continues a record then needs that record
  bool record_returned_ = false;
  base::Bytes input_;
  std::size_t consumed_ = 0;
  WalRecord record_;
  std::optional<WalEnd> end_;
};

}  // namespace holdfast::pg
