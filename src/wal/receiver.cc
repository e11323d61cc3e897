#include "wal/receiver.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace holdfast::wal {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{10000};
constexpr milliseconds kReceiveWait{1000};
constexpr milliseconds kRoomWait{100};
constexpr seconds kStatusInterval{10};
// fsync after so much, even while more is at hand.
constexpr std::uint64_t kMaxBatchBytes = 4 * base::kMiB;
// A message of the server is at most 128 KiB.
constexpr std::uint64_t kMessageBytes = 256 * base::kKiB;

bool CanBeMended(const base::Error& error) {
  return error.kind() == base::ErrorKind::kUnavailable ||
         error.kind() == base::ErrorKind::kNotFound ||
         (error.kind() == base::ErrorKind::kInternal &&
          dynamic_cast<const pg::SqlError*>(&error) != nullptr);
}

}  // namespace

Receiver::Receiver(WalServer& server, Archive& archive, Spool& spool, StatusBoard& board,
                   StreamOptions options, base::Clock& clock, base::Reporter& report)
    : server_(&server),
      archive_(&archive),
      spool_(&spool),
      board_(&board),
      options_(std::move(options)),
      clock_(&clock),
      report_(&report) {}

void Receiver::Run(const std::stop_token& stop) {
  milliseconds pause = kFirstPause;
  while (!stop.stop_requested() && !ReachedStop()) {
    const auto begun = clock_->Steady();
    try {
      RunSession(stop);
    } catch (const base::Error& error) {
      KeepReceived();
      if (stop.stop_requested()) return;
      if (!CanBeMended(error)) throw;
      board_->SetTrouble(Trouble::kServer, error.message());
      if (clock_->Steady() - begun > kLongestPause) pause = kFirstPause;
      (void)clock_->Sleep(pause, stop);
      pause = std::min(pause * 2, kLongestPause);
    }
  }
}

// After a failure: what cannot be made durable now is cut off the spool, and comes again.
void Receiver::KeepReceived() {
  try {
    spool_->Sync();
  } catch (const base::Error& error) {
    board_->SetTrouble(Trouble::kSpool, error.message());
  }
}

void Receiver::RunSession(const std::stop_token& stop) {
  spool_->Sync();
  const std::unique_ptr<ServerSession> session = server_->OpenSession(stop);
  const ServerFacts facts = Introduce(*session);
  const Inventory archived = TakeInventory(facts.system);
  ResumeInput input{.in_recovery = facts.in_recovery, .segment_size = facts.segment_size};
  // The slot first: from then on the server keeps what is read below.
  const bool received_before = !spool_->Segments().empty() || !archived.ranges.empty();
  const pg::Lsn kept_from = SecureSlot(*session, received_before);
  input.received = WhatWasReceived(spool_->Segments(), archived, kept_from);

  const std::unique_ptr<WalSource> source = OpenSource(stop);
  const pg::SystemIdentity identity = source->Identify();
  if (identity.system_identifier != facts.system) {
    throw base::Error(base::ErrorKind::kUnavailable,
                      "two connections with the same settings reached different clusters",
                      {"name one server in the connection, or add target_session_attrs"});
  }
  input.server_flush = identity.flush_lsn;
  input.oldest = kept_from.IsValid() ? kept_from : identity.flush_lsn;
  server_timeline_ = identity.timeline;
  input.server_history = FetchHistories(*source, identity.timeline);
  input.seen = NewestSeen(facts.system, input.received);
  StreamAlong(*source, ChooseStart(input), stop);
}

ServerFacts Receiver::Introduce(ServerSession& session) {
  const ServerFacts facts = session.Facts();
  if (options_.expected_system && facts.system != *options_.expected_system) {
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("the server is the cluster {}, but {} is the cluster {}", facts.system.value(),
                    archive_->source(), options_.expected_system->value()),
        {"each cluster needs a source of its own",
         fmt::format("after pg_upgrade take a first backup of the new cluster: `holdfast backup {} "
                     "--new-cluster`",
                     archive_->source())});
  }
  spool_->SetIdentity({.system = facts.system, .segment_size = facts.segment_size});
  board_->Update([&](StreamState& state) { state.system = facts.system; });
  return facts;
}

// Where the slot keeps WAL from; invalid when there is no slot to be had, which is shown.
pg::Lsn Receiver::SecureSlot(ServerSession& session, bool received_before) {
  try {
    const pg::Lsn position = SlotPosition(session, received_before);
    board_->ClearTrouble(Trouble::kSlot);
    return position;
  } catch (const base::Error& error) {
    if (dynamic_cast<const pg::SqlError*>(&error) == nullptr &&
        error.kind() == base::ErrorKind::kUnavailable) {
      throw;
    }
    board_->SetTrouble(
        Trouble::kSlot,
        fmt::format("no slot keeps WAL on the server, so an interruption may leave a gap: {}",
                    error.message()));
    return {};
  }
}

pg::Lsn Receiver::SlotPosition(ServerSession& session, bool received_before) {
  std::optional<pg::SlotInfo> slot = session.FindSlot();
  if (slot && !slot->logical && slot->wal_status == "lost") {
    report_->Warn(
        fmt::format("the server gave up the slot {}: WAL that was not received may be gone "
                    "(max_slot_wal_keep_size)",
                    options_.slot_name));
    session.DropSlot();
    slot.reset();
  } else if (!slot && received_before) {
    report_->Warn(fmt::format(
        "the server has no slot {}: WAL that it removed since the last that is archived is missing "
        "(holdfast wal status {} shows gaps)",
        options_.slot_name, archive_->source()));
  }
  if (!slot || slot->logical || !slot->restart_lsn) {
    session.CreateSlot();
    slot = session.FindSlot();
  }
  return slot ? slot->restart_lsn.value_or(pg::Lsn()) : pg::Lsn();
}

std::unique_ptr<WalSource> Receiver::OpenSource(const std::stop_token& stop) {
  std::unique_ptr<WalSource> source;
  if (options_.method != StreamMethod::kAutomatic) {
    source = server_->OpenSource(options_.method, stop);
  } else {
    try {
      source = server_->OpenSource(StreamMethod::kReplication, stop);
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kDenied) throw;
      if (!std::exchange(said_sql_, true)) {
        report_->Note(
            fmt::format("replication is refused by the server, WAL is read through SQL instead: {}",
                        error.message()));
      }
      source = server_->OpenSource(StreamMethod::kSql, stop);
    }
  }
  board_->Update([&](StreamState& state) { state.method = source->method(); });
  return source;
}

// The history of `timeline`, and into the spool those of it and its ancestors.
pg::TimelineHistory Receiver::FetchHistories(WalSource& source, pg::TimelineId timeline) {
  if (timeline <= pg::TimelineId(1)) return {};
  const std::string text = source.TimelineHistory(timeline);
  pg::TimelineHistory history = pg::TimelineHistory::Parse(timeline, text);
  KeepHistory(timeline, text);
  for (const pg::TimelineSwitch& ancestor : history.ancestors()) {
    if (ancestor.timeline <= pg::TimelineId(1) || known_histories_.contains(ancestor.timeline)) {
      continue;
    }
    try {
      KeepHistory(ancestor.timeline, source.TimelineHistory(ancestor.timeline));
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kUnavailable) throw;
      // A descendant's history repeats its lines: nothing needs this one.
      known_histories_.insert(ancestor.timeline);
      report_->Note(fmt::format("the history of timeline {} is not on the server: {}",
                                ancestor.timeline.value(), error.message()));
    }
  }
  return history;
}

void Receiver::KeepHistory(pg::TimelineId timeline, const std::string& text) {
  if (known_histories_.contains(timeline)) return;
  spool_->PutHistory(timeline, text);
  known_histories_.insert(timeline);
}

// While the store is unreachable, streaming goes on from what the spool holds.
Inventory Receiver::TakeInventory(pg::SystemIdentifier system) {
  try {
    return archive_->Take(system);
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kUnavailable || spool_->Segments().empty()) throw;
    board_->SetTrouble(Trouble::kStore, error.message());
    return {};
  }
}

std::optional<pg::TimelineId> Receiver::NewestSeen(pg::SystemIdentifier system,
                                                   const std::vector<Received>& received) {
  std::optional<pg::TimelineId> seen;
  const std::vector<SpooledSegment> segments = spool_->Segments();
  if (!segments.empty()) seen = segments.back().timeline;
  try {
    const std::optional<pg::TimelineId> recorded = archive_->RecordedTimeline(system);
    if (recorded && (!seen || *seen < *recorded)) seen = recorded;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kUnavailable || received.empty()) throw;
  }
  return seen;
}

ResumePoint Receiver::ChooseStart(const ResumeInput& input) {
  ResumePoint resume = ChooseResumePoint(input);
  for (int i = 0; i < lost_starts_; ++i) resume = AfterLostWal(resume, input);
  if (resume.received_end && resume.from > *resume.received_end) {
    board_->SetTrouble(
        Trouble::kGap,
        fmt::format("the server no longer has the WAL from {} to {}: recovery "
                    "cannot pass this gap; take a new backup now",
                    pg::FormatLsn(*resume.received_end), pg::FormatLsn(resume.from)));
  }
  return resume;
}

void Receiver::StreamAlong(WalSource& source, const ResumePoint& resume,
                           const std::stop_token& stop) {
  try {
    BeginAt(source, resume.timeline, resume.from);
    Outcome outcome = Outcome::kGoOn;
    while (outcome != Outcome::kDone && !stop.stop_requested()) {
      outcome = ReceiveBatch(source, stop);
      if (position_ > resume.from) lost_starts_ = 0;
    }
  } catch (const base::Error& error) {
    if (std::exchange(server_lost_wal_, false) && position_ == resume.from) ++lost_starts_;
    throw;
  }
  spool_->Sync();
}

void Receiver::BeginAt(WalSource& source, pg::TimelineId timeline, pg::Lsn from) {
  timeline_ = timeline;
  position_ = from;
  LoadOverlap();
  AskServer([&] { source.Start(from, timeline); });
  // An ancestor that is caught up with first may go on behind the point where the server left it.
  server_timeline_ = std::max(server_timeline_, timeline);
  board_->Update([&](StreamState& state) {
    // Known again once some of it is stored.
    if (state.timeline != server_timeline_) state.stored.reset();
    state.timeline = server_timeline_;
  });
}

void Receiver::LoadOverlap() {
  overlap_ = {.start = position_, .bytes = {}};
  append_from_ = position_;
  for (const SpooledSegment& segment : spool_->Segments()) {
    if (segment.timeline != timeline_ || segment.start < position_) continue;
    // Behind the first one nothing can be missing: what is spooled abuts.
    if (segment.start == position_) overlap_.bytes = spool_->Read(segment);
    if (segment.start == append_from_) append_from_ = segment.end;
  }
  try {
    base::Bytes archived = ArchivedFrom(position_);
    if (archived.size() > overlap_.bytes.size()) overlap_.bytes = std::move(archived);
    board_->ClearTrouble(Trouble::kArchive);
  } catch (const base::Error& error) {
    const bool denied = error.kind() == base::ErrorKind::kDenied;
    if (denied && !archive_->reads_content()) return NoteUnread();
    if (denied || error.kind() == base::ErrorKind::kCorrupt) return NoteUnreadable(error);
    if (error.kind() != base::ErrorKind::kUnavailable || overlap_.bytes.empty()) throw;
  }
}

// What the archive holds of the segment that begins at `start`; empty when nothing.
base::Bytes Receiver::ArchivedFrom(pg::Lsn start) {
  const pg::SystemIdentifier system = spool_->identity()->system;
  const pg::SegmentSize size = spool_->identity()->segment_size;
  const pg::SegmentNumber number = pg::SegmentOfByteAt(start, size);
  std::optional<base::Bytes> whole =
      archive_->Get(system, pg::FormatSegmentName(timeline_, number, size));
  if (whole) return std::move(*whole);
  auto open =
      archive_->GetOpenSegment(system, timeline_, start, static_cast<std::uint32_t>(size.bytes()));
  if (!open) return {};
  open->bytes.resize(open->end - start);
  return std::move(open->bytes);
}

// Damage in the archive must not cost the WAL that is still to come. A server that was rolled back
// is found out all the same: objects' names hold digests of their content.
void Receiver::NoteUnreadable(const base::Error& error) {
  const pg::SegmentSize size = spool_->identity()->segment_size;
  readable_from_ = pg::SegmentEnd(pg::SegmentOfByteAt(position_, size), size);
  board_->SetTrouble(
      Trouble::kArchive,
      fmt::format("damaged in the archive, and received again: {}", error.message()));
}

// The uploader compares what is received by the digests in objects' names, before it stores any of
// it: a server that was rolled back is found out a little later, that is all.
void Receiver::NoteUnread() {
  board_->ClearTrouble(Trouble::kArchive);
  if (std::exchange(said_unread_, true)) return;
  report_->Note(
      "the key in use may only add: archived WAL is not read, but compared by the digests in its "
      "names");
}

Receiver::Outcome Receiver::ReceiveBatch(WalSource& source, const std::stop_token& stop) {
  AwaitRoom(source, stop);
  const pg::Lsn batch_start = position_;
  std::optional<pg::TimelineEnd> timeline_end;
  bool reply_requested = false;
  milliseconds wait = kReceiveWait;
  while (!timeline_end && position_ - batch_start < BatchBytes() && !stop.stop_requested()) {
    pg::StreamEvent event = AskServer([&] { return source.Receive(wait); });
    if (std::holds_alternative<pg::NothingYet>(event)) break;
    if (const auto* data = std::get_if<pg::WalData>(&event)) Accept(*data);
    if (const auto* alive = std::get_if<pg::KeepAliveMessage>(&event)) {
      reply_requested = reply_requested || alive->reply_requested;
      board_->Update([&](StreamState& state) { state.server = alive->server_end; });
    }
    if (const auto* end = std::get_if<pg::TimelineEnd>(&event)) timeline_end = *end;
    wait = milliseconds(0);  // take what is there already, then make it durable
  }
  const bool received = position_ > batch_start;
  if (received) spool_->Sync();
  if (received || reply_requested || clock_->Steady() - last_status_ >= kStatusInterval) {
    if (!timeline_end) Acknowledge(source);
  }
  board_->ClearTrouble(Trouble::kServer);
  if (board_->state().stored >= readable_from_) board_->ClearTrouble(Trouble::kArchive);
  if (ReachedStop()) return Outcome::kDone;
  if (!timeline_end) return Outcome::kGoOn;
  EnterTimeline(source, *timeline_end);
  return Outcome::kTimelineEnded;
}

std::uint64_t Receiver::SpoolLimit() const {
  return std::max(options_.max_spool_bytes,
                  kMinSpoolSegments * spool_->identity()->segment_size.bytes());
}

std::uint64_t Receiver::BatchBytes() const { return std::min(kMaxBatchBytes, SpoolLimit() / 8); }

// While the spool is full the server is made to wait: nothing is read, but it is kept informed.
void Receiver::AwaitRoom(WalSource& source, const std::stop_token& stop) {
  const std::uint64_t needed = BatchBytes() + kMessageBytes;
  while (spool_->disk_bytes() + needed > SpoolLimit() && !stop.stop_requested()) {
    board_->SetTrouble(
        Trouble::kSpool,
        fmt::format("the spool is full with {} bytes: receiving waits", spool_->disk_bytes()));
    if (clock_->Steady() - last_status_ >= kStatusInterval) Acknowledge(source);
    (void)clock_->Sleep(kRoomWait, stop);
  }
  board_->ClearTrouble(Trouble::kSpool);
}

void Receiver::Accept(const pg::WalData& data) {
  if (data.start != position_) {
    throw base::Error(base::ErrorKind::kUnavailable,
                      fmt::format("the server sent WAL from {} where {} was due",
                                  pg::FormatLsn(data.start), pg::FormatLsn(position_)));
  }
  CompareOverlap(data.start, data.bytes);
  base::ByteView fresh(data.bytes);
  const pg::Lsn end = data.start + data.bytes.size();
  if (end > append_from_) {
    const pg::Lsn start = std::max(data.start, append_from_);
    spool_->Append(timeline_, start, fresh.subspan(start - data.start));
    append_from_ = end;
  }
  position_ = end;
  board_->Update([&](StreamState& state) {
    state.server = std::max(data.server_end, end);
    state.last_received = clock_->Now();
  });
}

void Receiver::CompareOverlap(pg::Lsn start, base::ByteView bytes) const {
  const pg::Lsn overlap_end = overlap_.start + overlap_.bytes.size();
  if (start < overlap_.start || start >= overlap_end) return;
  const std::size_t count = std::min<std::uint64_t>(bytes.size(), overlap_end - start);
  const base::ByteView known =
      base::ByteView(overlap_.bytes).subspan(start - overlap_.start, count);
  const auto [mine, theirs] = std::ranges::mismatch(known, bytes.first(count));
  if (mine == known.end()) return;
  const pg::Lsn place = start + static_cast<std::uint64_t>(mine - known.begin());
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("the server was rolled back: its WAL differs from what it sent before, from {} "
                  "on timeline {}",
                  pg::FormatLsn(place), timeline_.value()),
      {"was it restored from a snapshot or a copy? its new WAL contradicts what is archived",
       "give the rolled-back server a source of its own; nothing was overwritten"});
}

void Receiver::Acknowledge(WalSource& source) {
  // What is compared and not appended was durable already.
  source.SendStatus(position_, clock_->Now());
  last_status_ = clock_->Steady();
  board_->Update([&](StreamState& state) { state.spooled = append_from_; });
}

void Receiver::EnterTimeline(WalSource& source, const pg::TimelineEnd& end) {
  if (position_ < end.switch_lsn) {
    throw base::Error(
        base::ErrorKind::kUnavailable,
        fmt::format("timeline {} ended at {}, but the server sent it only up to {}",
                    timeline_.value(), pg::FormatLsn(end.switch_lsn), pg::FormatLsn(position_)));
  }
  report_->Note(fmt::format("timeline {} goes on as timeline {} at {}", timeline_.value(),
                            end.next_timeline.value(), pg::FormatLsn(end.switch_lsn)));
  (void)FetchHistories(source, end.next_timeline);
  const pg::SegmentSize size = spool_->identity()->segment_size;
  BeginAt(source, end.next_timeline,
          pg::SegmentStart(pg::SegmentOfByteAt(end.switch_lsn, size), size));
}

bool Receiver::ReachedStop() const { return options_.stop_at && position_ >= *options_.stop_at; }

}  // namespace holdfast::wal
