// A backup's own WAL: makes sure that every segment from its start to its stop is in the
// repository, and the history of its timeline, without which none of it can be recovered.
//
// Segments are taken one after the other, while files are copied already: the server may remove
// them long before a backup ends. What a receiver or archive_command brings is left to them; of
// that, what is damaged in the archive is stored again.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/reporter.h"
#include "pg/lsn.h"
#include "wal/archive.h"
#include "wal/delivery.h"

namespace holdfast::wal {

// The server that the backup runs on, as a capture sees it. After a failure the next call connects
// again: to the same server, or it is Error(kUnavailable). One thread at a time.
class CaptureServer {
 public:
  virtual ~CaptureServer() = default;
  // WAL before this is on the server's disk.
  virtual pg::Lsn FlushPosition() = 0;
  // As pg::WalDirectory::ReadAt.
  virtual std::optional<std::size_t> ReadAt(std::string_view name, std::uint64_t offset,
                                            base::MutableByteView out) = 0;
  // Whether the server keeps the WAL that was not let go.
  virtual bool HoldsWal() const = 0;
  virtual void LetGo(pg::Lsn before) = 0;
};

struct CaptureOptions {
  pg::SystemIdentifier system;
  pg::TimelineId timeline;
  pg::Lsn start;
  std::uint32_t segment_size = 0;
  // The server's archive_command pushes into the archive.
  bool pushed = false;
  // A receiver or archiver that is at work gets this long to deliver before segments are read from
  // the server.
  std::chrono::seconds patience{30};
};

struct Captured {
  std::vector<std::string> by_others;  // were there, or arrived
  std::vector<std::string> by_us;      // read from pg_wal
  std::vector<std::string> warnings;
};

// One thread at a time.
class Capture {
 public:
  Capture(Archive& archive, CaptureServer& server, const CaptureOptions& options,
          base::Clock& clock, base::Reporter& report);

  // Takes segments as they become whole, until `stop`. A server or store that does not answer is
  // tried again until then; where a right is missing, all is left to Finish, with a warning.
  // Error(kUnavailable) once WAL is neither in the archive nor on the server any more, and what
  // else no trying again can mend.
  void Follow(const std::stop_token& stop);
  // After the backup's end: takes what is left up to there.
  Captured Finish(pg::Lsn backup_stop, const std::stop_token& stop);

 private:
  enum class Outcome { kTaken, kWait, kLost, kFailed, kDenied };
  struct Piece {
    base::Bytes bytes;
    bool whole = true;
  };

  Outcome TryFollow(const std::stop_token& stop);
  Outcome TakeHistory();
  Outcome TakeWhole(const std::stop_token& stop);
  Outcome Take(std::optional<pg::Lsn> backup_stop);
  bool NoteArrival();
  bool IsThere(const std::string& name);
  bool StoreAgain(const std::string& name);
  bool IsWorthWaiting();
  bool ArchiveReaches(pg::Lsn position);
  std::optional<Piece> ReadNext(std::optional<pg::Lsn> backup_stop);
  std::optional<base::Bytes> ReadSegment();
  std::optional<base::Bytes> ReadFile(const std::string& name, std::size_t size);
  void Store(const Piece& piece);
  std::string next_name() const;
  pg::Lsn next_start() const { return pg::SegmentStart(next_, size_); }
  [[noreturn]] void ThrowLost() const;

  Archive* archive_;
  CaptureServer* server_;
  CaptureOptions options_;
  pg::SegmentSize size_;
  base::Clock* clock_;
  base::Reporter* report_;
  Delivery delivery_;
  bool has_history_ = false;
  bool asked_archive_ = false;
  bool said_trouble_ = false;
  pg::SegmentNumber next_;  // all before are in the archive
  std::string lost_;        // the file
  Captured captured_;
};

}  // namespace holdfast::wal
