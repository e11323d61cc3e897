// Physical streaming replication, the receiving end (protocol: PostgreSQL's documentation,
// "Streaming Replication Protocol").
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/bytes.h"
#include "base/clock.h"
#include "pg/connection.h"
#include "pg/lsn.h"

namespace holdfast::pg {

struct SystemIdentity {
  SystemIdentifier system_identifier;
  TimelineId timeline;
  Lsn flush_lsn;
};

struct WalData {
  Lsn start;
  Lsn server_end;
  base::Bytes bytes;
};
struct KeepAliveMessage {
  Lsn server_end;
  bool reply_requested = false;
};
// The timeline ended on the server; its successor begins at `switch_lsn`.
struct TimelineEnd {
  TimelineId next_timeline;
  Lsn switch_lsn;
};
struct NothingYet {};  // the wait was over
using StreamEvent = std::variant<WalData, KeepAliveMessage, TimelineEnd, NothingYet>;

// Not thread-safe.
class ReplicationStream {
 public:
  // SqlError of kDenied when the server refuses replication connections (pg_hba.conf: SQLSTATE
  // 28000) or the role lacks REPLICATION (42501), of kUnavailable when all WAL senders are taken
  // (53300).
  static ReplicationStream Connect(ConnectOptions options);
  ~ReplicationStream();
  ReplicationStream(ReplicationStream&&) noexcept;

  SystemIdentity Identify();
  std::string TimelineHistory(TimelineId timeline);  // the .history file's content
  // No slot is bound: retention is the business of a separate slot. Error(kNotFound) when the
  // server no longer has the WAL and Error(kConflict) when it never had it: `from` is beyond
  // its end or the timeline is not in its history. Both are told here or by the first Receive.
  void Start(Lsn from, TimelineId timeline);
  // Keepalives that request a reply are answered by the caller. Throws Error(kUnavailable) when the
  // server ends the stream or says nothing for answer_timeout; a silent server is asked once before
  // that. After TimelineEnd, Start may be called again.
  StreamEvent Receive(std::chrono::milliseconds wait);
  // Positions up to which WAL is written and fsynced by us; apply is reported as invalid.
  struct Positions {
    Lsn written;
    Lsn flushed;
  };
  void SendStatus(const Positions& positions, base::Time now, bool request_reply = false);

 private:
  struct State;
  explicit ReplicationStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Physical slots through a plain connection.
struct SlotInfo {
  std::string name;
  std::optional<Lsn> restart_lsn;
  std::string wal_status;  // reserved, extended, unreserved, lost
  std::optional<std::int64_t> safe_wal_size;
  bool active = false;
  bool logical = false;  // somebody else's: the calls below refuse it with Error(kConflict)
};
std::optional<SlotInfo> FindSlot(Connection& connection, std::string_view name);
// Reserves WAL at once. A physical slot of the name that does hold WAL is as good as a new one;
// Error(kConflict) for any other.
void CreateSlot(Connection& connection, std::string_view name);
// Moves the slot forward, never backward; no-op when it is there already. Error(kNotFound) without
// the slot, Error(kConflict) when it holds no WAL any more or another connection uses it.
void AdvanceSlot(Connection& connection, std::string_view name, Lsn to);
// No-op without the slot.
void DropSlot(Connection& connection, std::string_view name);

}  // namespace holdfast::pg
