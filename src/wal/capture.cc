#include "wal/capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "pg/connection.h"
#include "pg/wal_reader.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook{500};
// The next checkpoint may remove what the last one left.
constexpr milliseconds kQuickLook{100};
constexpr milliseconds kLongestPause{10000};
constexpr std::size_t kMaxHistory = base::kMiB;

bool CanBeMended(const base::Error& error) {
  return error.kind() == base::ErrorKind::kUnavailable ||
         error.kind() == base::ErrorKind::kNotFound ||
         (error.kind() == base::ErrorKind::kInternal &&
          dynamic_cast<const pg::SqlError*>(&error) != nullptr);
}

// Whether the server has switched away from the segment behind `stop`, as it does at the end of a
// backup, so that the rest of it is final. A standby does not.
bool IsSwitchedAway(base::ByteView bytes, pg::Lsn stop, pg::Lsn segment_start,
                    pg::SegmentSize size) {
  pg::WalReader reader({.version = ReadSegmentHeader(bytes, "the last segment").version,
                        .segment_size = size,
                        .start = stop});
  reader.Feed(bytes.subspan(stop - segment_start));
  // Other backends may write between the end of the backup and the switch.
  while (const pg::WalRecord* record = reader.Next()) {
    if (pg::IsSegmentSwitch(record->header)) return true;
  }
  return false;
}

}  // namespace

Capture::Capture(Archive& archive, CaptureServer& server, const CaptureOptions& options,
                 base::Clock& clock, base::Reporter& report)
    : archive_(&archive),
      server_(&server),
      options_(options),
      size_(pg::SegmentSize::FromBytes(options.segment_size)),
      clock_(&clock),
      report_(&report),
      delivery_(options.pushed ? Delivery::By::kOthers : Delivery::By::kUnknown, options.patience),
      next_(pg::SegmentOfByteAt(options.start, size_)) {}

void Capture::Follow(const std::stop_token& stop) {
  milliseconds pause = kLook;
  while (!stop.stop_requested()) {
    const Outcome outcome = TryFollow(stop);
    if (outcome == Outcome::kLost) ThrowLost();
    if (outcome == Outcome::kDenied) return;
    if (outcome == Outcome::kFailed) {
      pause = std::min(pause * 2, kLongestPause);
    } else {
      pause = server_->HoldsWal() ? kLook : kQuickLook;
    }
    (void)clock_->Sleep(pause, stop);
  }
}

// Throws what trying again cannot mend.
Capture::Outcome Capture::TryFollow(const std::stop_token& stop) {
  try {
    Outcome outcome = TakeHistory();
    if (outcome == Outcome::kTaken) outcome = TakeWhole(stop);
    said_trouble_ = false;
    return outcome;
  } catch (const base::Error& error) {
    if (stop.stop_requested()) return Outcome::kFailed;
    if (error.kind() == base::ErrorKind::kDenied) {
      captured_.warnings.push_back(fmt::format(
          "WAL could not be captured while files were copied, only after it: {}", error.message()));
      report_->Note(captured_.warnings.back());
      return Outcome::kDenied;
    }
    if (!CanBeMended(error)) throw;
    if (!std::exchange(said_trouble_, true)) {
      report_->Note(
          fmt::format("capturing the backup's WAL fails, and is tried again: {}", error.message()));
    }
    return Outcome::kFailed;
  }
}

// An archiver pushes it once, at the promotion; a receiver may never have run.
Capture::Outcome Capture::TakeHistory() {
  if (has_history_ || options_.timeline == pg::TimelineId(1)) return Outcome::kTaken;
  const std::string name = pg::FormatHistoryName(options_.timeline);
  if (!IsThere(name)) {
    const std::optional<base::Bytes> text = ReadFile(name, kMaxHistory);
    if (!text) {
      lost_ = name;
      return Outcome::kLost;
    }
    (void)archive_->Put(options_.system, name, *text);
  }
  has_history_ = true;
  return Outcome::kTaken;
}

Capture::Outcome Capture::TakeWhole(const std::stop_token& stop) {
  const pg::Lsn flushed = server_->FlushPosition();
  while (pg::SegmentEnd(next_, size_) <= flushed && !stop.stop_requested()) {
    const Outcome outcome = Take(std::nullopt);
    if (outcome != Outcome::kTaken) return outcome;
    server_->LetGo(next_start());
  }
  return Outcome::kTaken;
}

// The next segment, which is whole unless it is the one that `backup_stop` lies in.
Capture::Outcome Capture::Take(std::optional<pg::Lsn> backup_stop) {
  if (NoteArrival()) return Outcome::kTaken;
  if (IsWorthWaiting() && delivery_.MayStillCome(clock_->Steady())) return Outcome::kWait;
  const std::optional<Piece> piece = ReadNext(backup_stop);
  if (!piece) {
    if (NoteArrival()) return Outcome::kTaken;  // archived, then recycled
    // A receiver may have it in its spool.
    if (delivery_.MayStillCome(clock_->Steady())) return Outcome::kWait;
    lost_ = next_name();
    return Outcome::kLost;
  }
  Store(*piece);
  captured_.by_us.push_back(next_name());
  next_ = pg::NextSegment(next_);
  return Outcome::kTaken;
}

void Capture::Store(const Piece& piece) {
  if (piece.whole) {
    (void)archive_->Put(options_.system, next_name(), piece.bytes);
  } else {
    archive_->PutTail(options_.system, options_.timeline, next_start(), piece.bytes);
  }
}

bool Capture::NoteArrival() {
  if (!IsThere(next_name())) return false;
  delivery_.Arrived();
  captured_.by_others.push_back(next_name());
  next_ = pg::NextSegment(next_);
  return true;
}

// Others wrote it: that it lies there is no proof that it can be read.
bool Capture::IsThere(const std::string& name) {
  try {
    return archive_->ContainsSealed(options_.system, name);
  } catch (base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    if (StoreAgain(name)) return true;
    error.AddContext("WAL that the backup needs cannot be read");
    error.AddHint(
        "was the repository created anew while a receiver or a pushing server wrote to it? remove "
        "the object, start them again, and take the backup again");
    throw;
  }
}

// What is damaged in the archive, from the server if that still has it. The archive lets it give
// way to its own content alone: what is sealed with other keys stays, and so does what this key may
// not replace.
bool Capture::StoreAgain(const std::string& name) {
  const bool segment = pg::WalFileKindOf(name) == pg::WalFileKind::kSegment;
  try {
    const std::optional<base::Bytes> bytes = ReadFile(name, segment ? size_.bytes() : kMaxHistory);
    if (!bytes) return false;
    (void)archive_->Put(options_.system, name, *bytes);
    if (!archive_->ContainsSealed(options_.system, name)) return false;
  } catch (const base::Error& error) {
    if (CanBeMended(error) || error.kind() == base::ErrorKind::kCancelled) throw;
    return false;
  }
  captured_.warnings.push_back(
      fmt::format("{} was damaged in the archive; it was stored again, from the server", name));
  return true;
}

// Waiting for others costs nothing where the server keeps the WAL meanwhile: those who are known to
// deliver see to that themselves.
bool Capture::IsWorthWaiting() {
  if (delivery_.by() == Delivery::By::kUnknown && !std::exchange(asked_archive_, true)) {
    // A receiver that is at work is not far behind.
    const std::uint64_t near =
        options_.start.value() - std::min(options_.start.value(), size_.bytes());
    if (!ArchiveReaches(pg::Lsn(near))) delivery_.Decide(Delivery::By::kNobody);
  }
  return delivery_.by() == Delivery::By::kOthers ||
         (delivery_.by() == Delivery::By::kUnknown && server_->HoldsWal());
}

bool Capture::ArchiveReaches(pg::Lsn position) {
  try {
    const Inventory inventory = archive_->Take(options_.system);
    return std::ranges::any_of(inventory.ranges, [&](const WalRange& range) {
      return range.timeline == options_.timeline && range.end >= position;
    });
  } catch (const base::Error&) {
    return true;  // not known: waiting costs time only
  }
}

// Empty when the server does not have it any more.
std::optional<Capture::Piece> Capture::ReadNext(std::optional<pg::Lsn> backup_stop) {
  std::optional<base::Bytes> bytes;
  try {
    bytes = ReadSegment();
  } catch (const base::Error& error) {
    if (!CanBeMended(error)) throw;
    bytes = ReadSegment();  // by another connection
  }
  if (!bytes) return std::nullopt;
  // The file may have been recycled for a later segment while it was open.
  const auto holds = [&](std::uint64_t count) {
    return HoldsPagesOf(base::ByteView(*bytes).first(count), next_start(), options_.timeline);
  };
  if (backup_stop && *backup_stop < pg::SegmentEnd(next_, size_)) {
    const std::uint64_t needed = *backup_stop - next_start();
    if (!holds(needed)) return std::nullopt;
    if (!IsSwitchedAway(*bytes, *backup_stop, next_start(), size_)) {
      // Still being written: what lies before the stop is final, and all that the backup needs.
      bytes->resize(needed);
      return Piece{.bytes = std::move(*bytes), .whole = false};
    }
  }
  if (!holds(bytes->size())) return std::nullopt;
  return Piece{.bytes = std::move(*bytes), .whole = true};
}

std::optional<base::Bytes> Capture::ReadSegment() {
  std::optional<base::Bytes> bytes = ReadFile(next_name(), size_.bytes());
  if (bytes && bytes->size() != size_.bytes()) {
    throw base::Error(base::ErrorKind::kUnavailable,
                      fmt::format("pg_wal/{} ends early on the server", next_name()));
  }
  return bytes;
}

// Up to `size` bytes; empty when the file is not there, or not any more.
std::optional<base::Bytes> Capture::ReadFile(const std::string& name, std::size_t size) {
  base::Bytes bytes(size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::size_t piece = std::min<std::size_t>(bytes.size() - done, base::kMiB);
    const std::optional<std::size_t> count =
        server_->ReadAt(name, done, base::MutableByteView(bytes).subspan(done, piece));
    if (!count) return std::nullopt;
    if (*count == 0) break;
    done += *count;
  }
  bytes.resize(done);
  return bytes;
}

Captured Capture::Finish(pg::Lsn backup_stop, const std::stop_token& stop) {
  // Segments of our own would look like somebody's.
  if (delivery_.by() == Delivery::By::kUnknown) {
    const bool others = captured_.by_us.empty() && ArchiveReaches(options_.start + 1);
    delivery_.Decide(others ? Delivery::By::kOthers : Delivery::By::kNobody);
  }
  if (TakeHistory() == Outcome::kLost) ThrowLost();
  const pg::SegmentNumber last = pg::SegmentOfByteBefore(backup_stop, size_);
  while (next_ <= last) {
    base::ThrowIfStopped(stop);
    const Outcome outcome = Take(backup_stop);
    if (outcome == Outcome::kLost) ThrowLost();
    if (outcome == Outcome::kWait) (void)clock_->Sleep(kLook, stop);
  }
  return std::move(captured_);
}

std::string Capture::next_name() const {
  return pg::FormatSegmentName(options_.timeline, next_, size_);
}

void Capture::ThrowLost() const {
  throw base::Error(
      base::ErrorKind::kUnavailable,
      fmt::format("WAL of the backup is neither in the archive nor on the server any more: {}",
                  lost_),
      {"let the backup keep it on the server: the role needs REPLICATION and a free one of "
       "max_replication_slots; raise max_slot_wal_keep_size if it is set",
       "stream WAL with `holdfast wal stream`, or raise wal_keep_size on the server"});
}

}  // namespace holdfast::wal
