// A server in memory that sends made-up WAL.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "pg/timeline_history.h"
#include "wal/testing/wal_fixture.h"
#include "wal/wal_server.h"

namespace holdfast::wal {

// Thread-safe. WAL begins at segment 1 of timeline 1.
class FakeWalServer final : public WalServer {
 public:
  FakeWalServer() { Grow(100); }

  void Grow(std::size_t bytes) {
    const std::scoped_lock lock(mutex_);
    Branch& branch = branches_[history_.timeline()];
    const pg::Lsn end = branch.start + branch.bytes.size() + bytes;
    const base::Bytes all = MakePages(history_.timeline(), branch.start, end - branch.start, seed_);
    branch.bytes.insert(branch.bytes.end(),
                        all.begin() + static_cast<std::ptrdiff_t>(branch.bytes.size()), all.end());
  }
  // A copy of an earlier state comes back and writes other WAL.
  void RollBackTo(pg::Lsn lsn) {
    const std::scoped_lock lock(mutex_);
    Branch& branch = branches_[history_.timeline()];
    branch.bytes.resize(lsn - branch.start);
    ++seed_;
    cut_ = true;
  }
  // The server is promoted at `lsn` of its timeline.
  void Promote(pg::Lsn lsn) {
    const std::scoped_lock lock(mutex_);
    const pg::TimelineId old = history_.timeline();
    const pg::TimelineId next(old.value() + 1);
    std::vector<pg::TimelineSwitch> ancestors = history_.ancestors();
    ancestors.push_back({.timeline = old, .left_at = lsn, .reason = "promoted"});
    history_ = pg::TimelineHistory(next, ancestors);
    const pg::Lsn start(lsn.value() / kSmallBytes * kSmallBytes);
    const Branch& parent = branches_[old];
    const auto first = parent.bytes.begin() + static_cast<std::ptrdiff_t>(start - parent.start);
    branches_[next] = {
        .start = start,
        .bytes = base::Bytes(first, first + static_cast<std::ptrdiff_t>(lsn - start))};
    ++seed_;
  }
  void ForgetBefore(pg::Lsn lsn) {
    With([&] { forgotten_ = lsn; });
  }
  void LoseSlot() {
    With([&] { slot_.reset(); });
  }
  // Another connection has the slot, until it lets go.
  void OccupySlot(bool occupied) {
    With([&] { slot_occupied_ = occupied; });
  }
  void CutConnections() {
    With([&] { cut_ = true; });
  }
  void RefuseReplication() {
    With([&] { replication_refused_ = true; });
  }

  pg::Lsn flush() const {
    const std::scoped_lock lock(mutex_);
    const Branch& branch = branches_.at(history_.timeline());
    return branch.start + branch.bytes.size();
  }
  std::optional<pg::Lsn> slot() const {
    const std::scoped_lock lock(mutex_);
    return slot_;
  }
  pg::Lsn acknowledged() const {
    const std::scoped_lock lock(mutex_);
    return acknowledged_;
  }
  base::Bytes Read(pg::TimelineId timeline, pg::Lsn start, std::size_t bytes) const {
    const std::scoped_lock lock(mutex_);
    const Branch& branch = branches_.at(timeline);
    const auto first = branch.bytes.begin() + static_cast<std::ptrdiff_t>(start - branch.start);
    return {first, first + static_cast<std::ptrdiff_t>(bytes)};
  }

  std::unique_ptr<ServerSession> OpenSession(const std::stop_token&) override;
  std::unique_ptr<WalSource> OpenSource(StreamMethod method, const std::stop_token&) override;

 private:
  friend class FakeSession;
  friend class FakeSource;
  struct Branch {
    pg::Lsn start{kSmallBytes};
    base::Bytes bytes;
  };
  template <typename Change>
  void With(Change&& change) {
    const std::scoped_lock lock(mutex_);
    change();
  }

  mutable std::mutex mutex_;
  std::map<pg::TimelineId, Branch> branches_;
  pg::TimelineHistory history_;
  std::uint64_t seed_ = 1;
  pg::Lsn forgotten_;
  std::optional<pg::Lsn> slot_;
  bool slot_occupied_ = false;
  pg::Lsn acknowledged_;
  bool cut_ = false;
  bool replication_refused_ = false;
};

class FakeSession final : public ServerSession {
 public:
  explicit FakeSession(FakeWalServer& server) : server_(&server) {}
  ServerFacts Facts() override { return {.system = kSystem, .segment_size = kSmall}; }
  std::optional<pg::SlotInfo> FindSlot() override {
    const std::optional<pg::Lsn> at = server_->slot();
    if (!at) return std::nullopt;
    return pg::SlotInfo{.name = "fake",
                        .restart_lsn = at,
                        .wal_status = "reserved",
                        .safe_wal_size = {},
                        .active = false,
                        .logical = false};
  }
  void CreateSlot() override {
    server_->With([&] { server_->slot_ = std::max(pg::Lsn(kSmallBytes), server_->forgotten_); });
  }
  void DropSlot() override { server_->LoseSlot(); }
  void AdvanceSlot(pg::Lsn to) override {
    server_->With([&] {
      if (!server_->slot_) throw base::Error(base::ErrorKind::kNotFound, "no slot");
      if (server_->slot_occupied_) {
        throw base::Error(base::ErrorKind::kConflict, "the slot is in use by another connection");
      }
      server_->slot_ = std::max(*server_->slot_, to);
    });
  }

 private:
  FakeWalServer* server_;
};

class FakeSource final : public WalSource {
 public:
  FakeSource(FakeWalServer& server, StreamMethod method) : server_(&server), method_(method) {}
  StreamMethod method() const override { return method_; }
  pg::SystemIdentity Identify() override {
    const pg::Lsn flush = server_->flush();
    const std::scoped_lock lock(server_->mutex_);
    return {
        .system_identifier = kSystem, .timeline = server_->history_.timeline(), .flush_lsn = flush};
  }
  std::string TimelineHistory(pg::TimelineId timeline) override {
    const std::scoped_lock lock(server_->mutex_);
    std::vector<pg::TimelineSwitch> ancestors = server_->history_.ancestors();
    std::erase_if(ancestors, [&](const auto& ancestor) { return ancestor.timeline >= timeline; });
    return pg::TimelineHistory(timeline, ancestors).Format();
  }
  void Start(pg::Lsn from, pg::TimelineId timeline) override {
    const std::scoped_lock lock(server_->mutex_);
    if (from < server_->forgotten_) {
      throw base::Error(base::ErrorKind::kNotFound, "requested WAL segment was removed");
    }
    position_ = from;
    timeline_ = timeline;
  }
  pg::StreamEvent Receive(std::chrono::milliseconds) override {
    const std::scoped_lock lock(server_->mutex_);
    if (std::exchange(server_->cut_, false)) {
      throw base::Error(base::ErrorKind::kUnavailable, "the connection was cut");
    }
    const FakeWalServer::Branch& branch = server_->branches_.at(timeline_);
    const std::optional<pg::Lsn> left = server_->history_.LeftAt(timeline_);
    const pg::Lsn end = left.value_or(branch.start + branch.bytes.size());
    if (position_ < end) {
      const std::uint64_t count = std::min<std::uint64_t>(end - position_, 100'000);
      const auto first =
          branch.bytes.begin() + static_cast<std::ptrdiff_t>(position_ - branch.start);
      pg::WalData data{.start = position_,
                       .server_end = end,
                       .bytes = {first, first + static_cast<std::ptrdiff_t>(count)}};
      position_ = position_ + count;
      return data;
    }
    if (left) {
      return pg::TimelineEnd{.next_timeline = pg::TimelineId(timeline_.value() + 1),
                             .switch_lsn = *left};
    }
    return pg::NothingYet{};
  }
  void SendStatus(pg::Lsn flushed, base::Time) override {
    server_->With([&] { server_->acknowledged_ = flushed; });
  }

 private:
  FakeWalServer* server_;
  StreamMethod method_;
  pg::Lsn position_;
  pg::TimelineId timeline_;
};

inline std::unique_ptr<ServerSession> FakeWalServer::OpenSession(const std::stop_token&) {
  return std::make_unique<FakeSession>(*this);
}

inline std::unique_ptr<WalSource> FakeWalServer::OpenSource(StreamMethod method,
                                                            const std::stop_token&) {
  const std::scoped_lock lock(mutex_);
  if (replication_refused_ && method == StreamMethod::kReplication) {
    throw base::Error(base::ErrorKind::kDenied, "no pg_hba.conf entry for replication");
  }
  return std::make_unique<FakeSource>(*this, method);
}

}  // namespace holdfast::wal
