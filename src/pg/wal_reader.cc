#include "pg/wal_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::pg {

namespace {

constexpr std::uint64_t kAlignment = 8;
// Above what any server writes: its own limit is 1020 MiB, before 16 the largest allocation.
constexpr std::uint32_t kMaxRecordLength = 1U << 30;

Lsn AlignUp(Lsn lsn) { return Lsn((lsn.value() + kAlignment - 1) & ~(kAlignment - 1)); }

std::uint64_t OffsetInPage(Lsn lsn) { return lsn.value() % kWalPageSize; }

std::uint32_t TotalLength(base::ByteView record) {
  base::ByteReader in(record, "the WAL record header");
  return in.U32();
}

}  // namespace

std::string_view WalEndReasonName(WalEndReason reason) {
  switch (reason) {
    case WalEndReason::kNoRecord:
      return "no record";
    case WalEndReason::kBadPage:
      return "bad page";
    case WalEndReason::kBadLength:
      return "bad length";
    case WalEndReason::kBadLink:
      return "bad link";
    case WalEndReason::kBadCrc:
      return "bad checksum";
    case WalEndReason::kBadResourceManager:
      return "bad resource manager";
    case WalEndReason::kLostContinuation:
      return "lost continuation";
    case WalEndReason::kUndecodable:
      return "undecodable";
  }
  throw base::Error(base::ErrorKind::kInternal, "a reason without a name");
}

WalReader::WalReader(const WalReaderOptions& options) : options_(options) {
  if (options.start != AlignUp(options.start)) {
    throw base::Error(base::ErrorKind::kInternal,
                      fmt::format("no record starts at {}", FormatLsn(options.start)));
  }
  state_.position = options.start;
  knows_what_precedes_ = OffsetInPage(options.start) != 0;
}

WalReader::WalReader(const WalReaderOptions& options, WalCarry carry)
    : options_(options), state_(std::move(carry)) {
  knows_what_precedes_ = OffsetInPage(state_.position) != 0 || state_.valid_to.IsValid() ||
                         IsCollecting() || state_.skipping != 0;
}

void WalReader::Feed(base::ByteView bytes) {
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(consumed_));
  consumed_ = 0;
  if (!end_) input_.insert(input_.end(), bytes.begin(), bytes.end());
}

const WalRecord* WalReader::Next() {
  if (record_returned_) {
    state_.record_start = Lsn();
    state_.record.clear();
    record_returned_ = false;
  }
  while (!end_) {
    const Step step = Advance();
    if (step == Step::kNeedBytes) return nullptr;
    if (step == Step::kStop) break;
  }
  return record_returned_ ? &record_ : nullptr;
}

WalReader::Step WalReader::Advance() {
  if (state_.position < state_.skip_to) return SkipUnusedSegment();
  if (available() == 0) return Step::kNeedBytes;
  if (OffsetInPage(state_.position) == 0) return EnterPage();
  if (state_.skipping != 0) return SkipRestOfRecord();
  return IsCollecting() ? CollectRecord() : BeginRecord();
}

// What follows a switch up to the segment's end is unused, whatever it holds.
WalReader::Step WalReader::SkipUnusedSegment() {
  if (available() == 0) return Step::kNeedBytes;
  Consume(std::min<std::uint64_t>(available(), state_.skip_to - state_.position));
  return Step::kGoOn;
}

WalReader::Step WalReader::EnterPage() {
  const bool starts_segment = OffsetInSegment(state_.position, options_.segment_size) == 0;
  const std::size_t size = starts_segment ? kWalLongPageHeaderSize : kWalPageHeaderSize;
  if (available() < size) return Step::kNeedBytes;
  const base::ByteView bytes = base::ByteView(input_).subspan(consumed_, size);
  // The flag for the long header has to be read first, or a stray one would ask for more bytes.
  const bool is_long = (bytes[2] & WalPageHeader::kLongHeader) != 0;
  if (is_long != starts_segment) {
    End(WalEndReason::kBadPage, "has a header of the wrong length");
    return Step::kStop;
  }
  const WalPageHeader header = ParseWalPageHeader(bytes);
  if (!PageIsRight(header) || !ContinuationIsRight(header)) return Step::kStop;
  state_.timeline = header.timeline;
  knows_what_precedes_ = true;
  Consume(size);
  return Step::kGoOn;
}

bool WalReader::PageIsRight(const WalPageHeader& header) {
  const auto bad = [this](std::string text) {
    return End(WalEndReason::kBadPage, std::move(text));
  };
  if (header.magic != WalPageMagic(options_.version)) {
    return bad(fmt::format("has the magic number {:04X}", header.magic));
  }
  if ((header.flags & ~WalPageHeader::kAllFlags) != 0) return bad("has unknown flags");
  if (header.address != state_.position) {
    return bad(fmt::format("is that of position {}", FormatLsn(header.address)));
  }
  if (header.timeline == TimelineId(0) || header.timeline < state_.timeline) {
    return bad(fmt::format("is of timeline {}", header.timeline.value()));
  }
  if (!header.IsLong()) return true;
  if (header.segment_size != options_.segment_size.bytes() || header.page_size != kWalPageSize) {
    return bad("is of a cluster with other sizes");
  }
  if (options_.system_identifier && header.system_identifier != *options_.system_identifier) {
    return bad(fmt::format("is of the cluster {}", header.system_identifier.value()));
  }
  return true;
}

bool WalReader::ContinuationIsRight(const WalPageHeader& header) {
  if (header.AbandonsRecord()) {
    AbandonRecord();
    return true;
  }
  std::uint64_t expected = state_.skipping;
  if (IsCollecting()) expected = TotalLength(state_.record) - state_.record.size();
  const std::uint64_t told = header.ContinuesRecord() ? header.remaining_length : 0;
  if (!knows_what_precedes_) {
    state_.skipping = told;
    return true;
  }
  if (told == expected && header.ContinuesRecord() == (expected != 0)) return true;
  return End(WalEndReason::kLostContinuation,
             fmt::format("continues a record by {} bytes, not {}", told, expected));
}

void WalReader::AbandonRecord() {
  if (IsCollecting()) state_.abandoned_record = state_.record_start;
  state_.record_start = Lsn();
  state_.record.clear();
  state_.skipping = 0;
}

WalReader::Step WalReader::SkipRestOfRecord() {
  state_.skipping -= ConsumeInPage(state_.skipping).size();
  return Step::kGoOn;
}

WalReader::Step WalReader::BeginRecord() {
  const Lsn start = AlignUp(state_.position);
  ConsumeInPage(start - state_.position);
  if (state_.position != start) return Step::kNeedBytes;
  if (OffsetInPage(start) == 0) return Step::kGoOn;
  if (available() < sizeof(std::uint32_t)) return Step::kNeedBytes;
  const std::uint32_t length = TotalLength(base::ByteView(input_).subspan(consumed_));
  if (length < kWalRecordHeaderSize || length > kMaxRecordLength) {
    End(length == 0 ? WalEndReason::kNoRecord : WalEndReason::kBadLength,
        fmt::format("has a record of {} bytes", length));
    return Step::kStop;
  }
  state_.record_start = start;
  state_.record_timeline = state_.timeline;
  const base::ByteView first = ConsumeInPage(sizeof length);
  state_.record.assign(first.begin(), first.end());
  return Step::kGoOn;
}

WalReader::Step WalReader::CollectRecord() {
  // The header by itself first, so that a stale record is found before its length is believed.
  const std::size_t have = state_.record.size();
  const bool in_header = have < kWalRecordHeaderSize;
  const std::size_t want = in_header ? kWalRecordHeaderSize : TotalLength(state_.record);
  const base::ByteView piece = ConsumeInPage(want - have);
  state_.record.insert(state_.record.end(), piece.begin(), piece.end());
  if (state_.record.size() < want) return Step::kGoOn;
  if (in_header && !HeaderIsRight()) return Step::kStop;
  return state_.record.size() < TotalLength(state_.record) ? Step::kGoOn : FinishRecord();
}

bool WalReader::HeaderIsRight() {
  const WalRecordHeader header = ParseWalRecordHeader(state_.record);
  const bool linked = state_.previous_record.IsValid() ? header.previous == state_.previous_record
                                                       : header.previous < state_.record_start;
  if (!linked) {
    return End(WalEndReason::kBadLink,
               fmt::format("has a record that follows one at {}", FormatLsn(header.previous)));
  }
  if (IsKnownResourceManager(header.resource_manager, options_.version)) return true;
  return End(WalEndReason::kBadResourceManager, "has a record of an unknown kind");
}

WalReader::Step WalReader::FinishRecord() {
  if (!WalRecordCrcIsRight(state_.record)) {
    End(WalEndReason::kBadCrc, "has a record with a wrong checksum");
    return Step::kStop;
  }
  try {
    DecodeWalRecord(state_.record, options_.version, record_);
    if (!FollowsAbandonedRecord()) return Step::kStop;
  } catch (const base::Error& error) {
    End(WalEndReason::kUndecodable, fmt::format("cannot be read: {}", error.message()));
    return Step::kStop;
  }
  record_.start = state_.record_start;
  record_.timeline = state_.record_timeline;
  record_.end = AlignUp(state_.position);
  if (IsSegmentSwitch(record_.header)) {
    record_.end = SegmentEnd(SegmentOfByteBefore(state_.position, options_.segment_size),
                             options_.segment_size);
    state_.skip_to = record_.end;
  }
  state_.previous_record = state_.record_start;
  state_.abandoned_record = Lsn();
  state_.valid_to = record_.end;
  record_returned_ = true;
  return Step::kStop;
}

bool WalReader::FollowsAbandonedRecord() {
  if (!state_.abandoned_record.IsValid()) return true;
  if (ReadAbandonedRecord(record_) == state_.abandoned_record) return true;
  return End(WalEndReason::kLostContinuation,
             fmt::format("gives up a record, which should be the one at {}",
                         FormatLsn(state_.abandoned_record)));
}

base::ByteView WalReader::Consume(std::size_t count) {
  const base::ByteView bytes = base::ByteView(input_).subspan(consumed_, count);
  consumed_ += count;
  state_.position = state_.position + count;
  return bytes;
}

base::ByteView WalReader::ConsumeInPage(std::uint64_t count) {
  const std::uint64_t in_page = kWalPageSize - OffsetInPage(state_.position);
  return Consume(std::min({count, in_page, std::uint64_t{available()}}));
}

bool WalReader::End(WalEndReason reason, std::string text) {
  const Lsn where = IsCollecting() ? state_.record_start : state_.position;
  end_ = WalEnd{.lsn = state_.valid_to.IsValid() ? state_.valid_to : where,
                .reason = reason,
                .text = fmt::format("the WAL at {} {}", FormatLsn(where), text)};
  return false;
}

}  // namespace holdfast::pg
