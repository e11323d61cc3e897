// The receiving half of a stream: from the server into the spool.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>

#include "base/clock.h"
#include "base/reporter.h"
#include "wal/archive.h"
#include "wal/resume.h"
#include "wal/spool.h"
#include "wal/status_board.h"
#include "wal/stream.h"
#include "wal/wal_server.h"

namespace holdfast::wal {

// One thread.
class Receiver {
 public:
  Receiver(WalServer& server, Archive& archive, Spool& spool, StatusBoard& board,
           StreamOptions options, base::Clock& clock, base::Reporter& report);

  // Until `stop`, or everything up to stop_at is in the spool. Whatever was received is fsynced
  // when it returns. Throws what trying again cannot mend.
  void Run(const std::stop_token& stop);

 private:
  // What is already there of the segment that streaming begins with.
  struct Overlap {
    pg::Lsn start;
    base::Bytes bytes;
  };
  enum class Outcome { kGoOn, kTimelineEnded, kDone };

  void RunSession(const std::stop_token& stop);
  void KeepReceived();
  ServerFacts Introduce(ServerSession& session);
  pg::Lsn SecureSlot(ServerSession& session, bool received_before);
  pg::Lsn SlotPosition(ServerSession& session, bool received_before);
  std::unique_ptr<WalSource> OpenSource(const std::stop_token& stop);
  pg::TimelineHistory FetchHistories(WalSource& source, pg::TimelineId timeline);
  void KeepHistory(pg::TimelineId timeline, const std::string& text);
  Inventory TakeInventory(pg::SystemIdentifier system);
  std::optional<pg::TimelineId> NewestSeen(pg::SystemIdentifier system,
                                           const std::vector<Received>& received);
  ResumePoint ChooseStart(const ResumeInput& input);

  void StreamAlong(WalSource& source, const ResumePoint& resume, const std::stop_token& stop);
  void BeginAt(WalSource& source, pg::TimelineId timeline, pg::Lsn from);
  void LoadOverlap();
  base::Bytes ArchivedFrom(pg::Lsn start);
  void NoteUnreadable(const base::Error& error);
  void NoteUnread();
  Outcome ReceiveBatch(WalSource& source, const std::stop_token& stop);
  std::uint64_t SpoolLimit() const;
  std::uint64_t BatchBytes() const;
  void AwaitRoom(WalSource& source, const std::stop_token& stop);
  void Accept(const pg::WalData& data);
  void CompareOverlap(pg::Lsn start, base::ByteView bytes) const;
  void Acknowledge(WalSource& source);
  void EnterTimeline(WalSource& source, const pg::TimelineEnd& end);
  bool ReachedStop() const;

  WalServer* server_;
  Archive* archive_;
  Spool* spool_;
  StatusBoard* board_;
  StreamOptions options_;
  base::Clock* clock_;
  base::Reporter* report_;

  bool said_sql_ = false;
  bool said_unread_ = false;
  std::set<pg::TimelineId> known_histories_;
  // Starting points that the server turned out not to have any more, in a row.
  // Runs a request to the server; its "not found", and no other, says that it lost the WAL.
  template <typename Request>
  auto AskServer(Request&& request) {
    try {
      return request();
    } catch (const base::Error& error) {
      server_lost_wal_ = error.kind() == base::ErrorKind::kNotFound;
      throw;
    }
  }

  int lost_starts_ = 0;
  bool server_lost_wal_ = false;

  pg::TimelineId server_timeline_;  // what the server itself is on
  pg::TimelineId timeline_;         // what is received
  pg::Lsn position_;                // the next byte that is due
  pg::Lsn append_from_;             // bytes before are in the spool
  Overlap overlap_;
  pg::Lsn readable_from_;  // once WAL up to here is stored, damage that was met is mended
  std::chrono::steady_clock::time_point last_status_{};
};

}  // namespace holdfast::wal
