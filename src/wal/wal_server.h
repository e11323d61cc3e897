// The server that a receiver streams from, as the receiver sees it: PostgreSQL, or a test's.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "pg/lsn.h"
#include "pg/replication.h"
#include "pg/wal_segment.h"
#include "wal/stream.h"

namespace holdfast::wal {

// A connection that WAL comes through. One thread.
class WalSource {
 public:
  virtual ~WalSource() = default;
  virtual StreamMethod method() const = 0;
  virtual pg::SystemIdentity Identify() = 0;
  virtual std::string TimelineHistory(pg::TimelineId timeline) = 0;
  // Error(kNotFound), from here or from Receive, when the server no longer has the WAL.
  virtual void Start(pg::Lsn from, pg::TimelineId timeline) = 0;
  virtual pg::StreamEvent Receive(std::chrono::milliseconds wait) = 0;
  virtual void SendStatus(pg::Lsn flushed, base::Time now) = 0;
};

struct ServerFacts {
  pg::SystemIdentifier system;
  pg::SegmentSize segment_size;
  bool in_recovery = false;
};

// A plain connection: facts, and the slot that keeps WAL on the server. One thread.
class ServerSession {
 public:
  virtual ~ServerSession() = default;
  virtual ServerFacts Facts() = 0;
  virtual std::optional<pg::SlotInfo> FindSlot() = 0;
  virtual void CreateSlot() = 0;
  virtual void DropSlot() = 0;
  virtual void AdvanceSlot(pg::Lsn to) = 0;
};

// Thread-safe.
class WalServer {
 public:
  virtual ~WalServer() = default;
  virtual std::unique_ptr<ServerSession> OpenSession(const std::stop_token& stop) = 0;
  // `method` is kReplication or kSql. Error(kDenied) when the server refuses it.
  virtual std::unique_ptr<WalSource> OpenSource(StreamMethod method,
                                                const std::stop_token& stop) = 0;
};

std::unique_ptr<WalServer> OpenPostgresServer(const StreamOptions& options, base::Clock& clock);

// Stream() on any server.
void StreamFrom(WalServer& server, Archive& archive, const StreamOptions& options,
                base::Clock& clock, base::Reporter& report,
                const std::function<void(const StreamState&)>& observe,
                const std::stop_token& stop);

}  // namespace holdfast::wal
