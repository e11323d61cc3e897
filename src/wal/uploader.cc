#include "wal/uploader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLook{100};
constexpr seconds kLongestPause{10};
constexpr seconds kSlotPause{5};
constexpr seconds kSlotLook{10};

bool CanBeMended(const base::Error& error) {
  return error.kind() != base::ErrorKind::kConflict && error.kind() != base::ErrorKind::kCorrupt &&
         error.kind() != base::ErrorKind::kUsage && error.kind() != base::ErrorKind::kInternal;
}

}  // namespace

Uploader::Uploader(WalServer* server, Archive& archive, Spool& spool, StatusBoard& board,
                   StreamOptions options, base::Clock& clock)
    : server_(server),
      archive_(&archive),
      spool_(&spool),
      board_(&board),
      options_(std::move(options)),
      clock_(&clock) {}

pg::SystemIdentifier Uploader::system() const { return spool_->identity()->system; }
pg::SegmentSize Uploader::segment_size() const { return spool_->identity()->segment_size; }

void Uploader::Run(const std::stop_token& give_up) {
  milliseconds pause = kLook;
  while (true) {
    const bool finishing = finish_;  // read before the step: what was spooled by then is stored
    const bool done = TryStep(finishing ? Tails::kNow : Tails::kWhenDue);
    if (finishing && (done || give_up.stop_requested())) return;
    pause = done ? kLook : std::min<milliseconds>(pause * 2, kLongestPause);
    const auto until = clock_->Steady() + pause;
    while (clock_->Steady() < until && !(finish_ && !finishing)) {
      (void)clock_->Sleep(kLook, {});
      if (give_up.stop_requested() && finish_) break;
    }
  }
}

void Uploader::StoreEverything() {
  if (spool_->identity()) StoreAll(Tails::kNow);
}

bool Uploader::TryStep(Tails tails) {
  if (!spool_->identity()) return true;
  try {
    StoreAll(tails);
    board_->ClearTrouble(Trouble::kStore);
  } catch (const base::Error& error) {
    if (!CanBeMended(error)) throw;
    board_->SetTrouble(Trouble::kStore, fmt::format("WAL waits in the spool: {}", error.message()));
    return false;
  }
  TendSlot();
  return true;
}

void Uploader::StoreAll(Tails tails) {
  StoreHistories();
  const std::vector<SpooledSegment> segments = spool_->Segments();
  for (const SpooledSegment& segment : segments) {
    const bool last = &segment == &segments.back();
    if (segment.whole) {
      StoreWhole(segment);
    } else if (last) {
      StoreTail(segment, tails);
    } else {
      StoreSuperseded(segment);
    }
  }
  StoreTimeline();
  ShowStored();
  RemoveStored();
}

void Uploader::StoreTimeline() {
  const pg::TimelineId timeline = board_->state().timeline;
  if (timeline == pg::TimelineId() || recorded_timeline_ == timeline) return;
  archive_->RecordTimeline(system(), timeline);
  recorded_timeline_ = timeline;
}

void Uploader::StoreHistories() {
  for (const pg::TimelineId timeline : spool_->Histories()) {
    (void)archive_->Put(system(), pg::FormatHistoryName(timeline),
                        base::AsBytes(spool_->ReadHistory(timeline)));
    spool_->RemoveHistory(timeline);
  }
}

void Uploader::StoreWhole(const SpooledSegment& segment) {
  if (stored_whole_.contains({segment.timeline, segment.start})) return;
  const base::Bytes bytes = spool_->Read(segment);
  if (!archive_->reads_content()) {
    archive_->CheckTails(system(), segment.timeline, segment.start, bytes);
  }
  const std::string name = pg::FormatSegmentName(segment.timeline, segment.segment, segment_size());
  if (archive_->Put(system(), name, bytes) == ArchiveOutcome::kStored) {
    Summaries summaries = archive_->summaries();
    (void)SummariseInto(summaries, system(), name, bytes, SegmentBefore(segment));
  }
  archive_->DropTails(system(), segment.timeline, segment.start, bytes);
  stored_whole_.insert({segment.timeline, segment.start});
  Stored(segment.timeline, segment.end);
}

// For the record that begins in one segment and ends in the next.
PreviousSegment Uploader::SegmentBefore(const SpooledSegment& segment) const {
  return [this, segment](std::uint64_t count) -> std::optional<base::Bytes> {
    for (const SpooledSegment& other : spool_->Segments()) {
      if (!other.whole || other.timeline != segment.timeline || other.end != segment.start)
        continue;
      const base::Bytes bytes = spool_->Read(other);
      return base::Bytes(bytes.end() - static_cast<std::ptrdiff_t>(count), bytes.end());
    }
    return std::nullopt;
  };
}

// A segment that will not grow any more: its timeline was left, or WAL was lost after it.
void Uploader::StoreSuperseded(const SpooledSegment& segment) {
  if (segment.end - segment.start >= pg::kWalLongPageHeaderSize) {
    archive_->PutTail(system(), segment.timeline, segment.start, spool_->Read(segment));
  }
  Stored(segment.timeline, segment.end);
  spool_->Remove(segment);
}

void Uploader::StoreTail(const SpooledSegment& segment, Tails tails) {
  const bool grown = stored_timeline_ != segment.timeline || stored_end_ < segment.end;
  const bool due = tails == Tails::kNow || clock_->Steady() - last_tail_ >= options_.tail_interval;
  if (!grown || !due || segment.end - segment.start < pg::kWalLongPageHeaderSize) return;
  last_tail_ = clock_->Steady();
  archive_->PutTail(system(), segment.timeline, segment.start, spool_->Read(segment));
  Stored(segment.timeline, segment.end);
}

// The last whole segment stays: the server is compared with it at the next start.
void Uploader::RemoveStored() {
  const std::vector<SpooledSegment> segments = spool_->Segments();
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const std::pair key(segments[i].timeline, segments[i].start);
    const bool stored = segments[i].whole && stored_whole_.contains(key);
    const bool needed = i + 2 == segments.size() && !segments[i + 1].whole;
    if (!stored || needed) continue;
    spool_->Remove(segments[i]);
    stored_whole_.erase(key);
  }
}

void Uploader::Stored(pg::TimelineId timeline, pg::Lsn end) {
  stored_timeline_ = timeline;
  stored_end_ = end;
  ShowStored();
}

bool Uploader::HasStored(const SpooledSegment& segment) const {
  return segment.timeline == stored_timeline_ && segment.end <= stored_end_;
}

// The spool may hold the end of a timeline that the server has left at an earlier position, as a
// restored copy does: that is no position of the server.
bool Uploader::IsOnServersTimeline() const {
  return stored_end_.IsValid() && board_->state().timeline == stored_timeline_;
}

void Uploader::ShowStored() {
  if (!IsOnServersTimeline() || board_->state().stored == stored_end_) return;
  board_->Update([&](StreamState& state) {
    if (state.timeline == stored_timeline_) state.stored = stored_end_;
  });
}

// Somebody may drop it while WAL is received, and then the server keeps nothing for the next
// interruption.
void Uploader::TendSlot() {
  if (server_ == nullptr || !IsOnServersTimeline()) return;
  const auto now = clock_->Steady();
  const pg::Lsn target = SlotTarget();
  if (now < next_slot_try_ || (target <= slot_at_ && now < next_slot_look_)) return;
  try {
    if (!session_) session_ = server_->OpenSession({});
    if (RestoreSlot()) {
      next_slot_try_ = now + kSlotPause;  // the warning is to be seen
      return;
    }
    if (target > slot_at_) session_->AdvanceSlot(target);
    slot_at_ = std::max(slot_at_, target);
    next_slot_look_ = now + kSlotLook;
    board_->ClearTrouble(Trouble::kSlot);
  } catch (const base::Error& error) {
    session_.reset();
    next_slot_try_ = now + kSlotPause;
    board_->SetTrouble(Trouble::kSlot,
                       fmt::format("the slot {}, which keeps WAL on the server, could not be moved "
                                   "or made again: {}",
                                   options_.slot_name, error.message()));
  }
}

// Behind by up to a segment, so that the server still has the one it will be compared by.
pg::Lsn Uploader::SlotTarget() const {
  return pg::SegmentStart(pg::SegmentOfByteBefore(stored_end_, segment_size()), segment_size());
}

// True when it was gone, or given up by the server.
bool Uploader::RestoreSlot() {
  const std::optional<pg::SlotInfo> slot = session_->FindSlot();
  const bool lost = slot && !slot->logical && slot->wal_status == "lost";
  if (slot && !lost) return false;
  if (lost) session_->DropSlot();
  session_->CreateSlot();
  slot_at_ = pg::Lsn();
  board_->SetTrouble(
      Trouble::kSlot,
      fmt::format("the slot {} was {}, so that nothing kept WAL on the server: it was made again",
                  options_.slot_name, lost ? "given up by the server" : "dropped"));
  return true;
}

}  // namespace holdfast::wal
