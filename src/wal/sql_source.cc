#include "wal/sql_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "pg/digits.h"
#include "pg/timeline_history.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

constexpr std::uint64_t kReadBytes = base::kMiB;

// On a standby that has not written to its control file since, received_tli alone knows of a
// switch; it is hidden from roles without pg_read_all_stats.
constexpr std::string_view kIdentityQuery =
    "SELECT (SELECT system_identifier FROM pg_control_system()), pg_is_in_recovery(), "
    "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() "
    "ELSE pg_current_wal_flush_lsn() END, "
    "CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_flush_lsn()) END, "
    "CASE WHEN pg_is_in_recovery() THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver), "
    "(SELECT timeline_id FROM pg_control_checkpoint())) END";

class SqlSource final : public WalSource {
 public:
  SqlSource(const pg::ConnectOptions& connect, std::chrono::milliseconds poll_interval,
            base::Clock& clock)
      : connection_(pg::Connection::Open(connect)),
        stop_(connect.stop),
        poll_interval_(poll_interval),
        clock_(&clock) {}

  StreamMethod method() const override { return StreamMethod::kSql; }
  pg::SystemIdentity Identify() override;
  std::string TimelineHistory(pg::TimelineId timeline) override;
  void Start(pg::Lsn from, pg::TimelineId timeline) override;
  pg::StreamEvent Receive(std::chrono::milliseconds wait) override;
  // Nobody waits for an answer.
  void SendStatus(pg::Lsn, base::Time) override {}

 private:
  void Poll();
  void SeeTimeline(pg::TimelineId current);
  pg::StreamEvent AwaitPoll(std::chrono::milliseconds wait);
  pg::WalData ReadNext(pg::Lsn readable_end);
  base::Bytes ReadSegment(pg::SegmentNumber segment, std::uint64_t offset, std::uint64_t length);
  std::optional<base::Bytes> ReadFile(const std::string& name, std::uint64_t offset,
                                      std::uint64_t length);
  void RequireRightPages(const pg::WalData& data) const;

  pg::Connection connection_;
  std::stop_token stop_;
  std::chrono::milliseconds poll_interval_;
  base::Clock* clock_;

  std::optional<pg::SegmentSize> segment_size_;
  pg::TimelineId timeline_;
  pg::Lsn position_;
  pg::SystemIdentity server_;
  std::chrono::steady_clock::time_point polled_{};
  // Once the server has left timeline_: where to, and where.
  std::optional<pg::TimelineEnd> end_;
};

pg::SystemIdentity SqlSource::Identify() {
  const std::vector<pg::Row> rows = connection_.Query(std::string(kIdentityQuery));
  const pg::Row& row = rows.at(0);
  if (!row.at(2)) {
    throw base::Error(
        base::ErrorKind::kUnavailable,
        "the standby does not stream, so it cannot tell how far its WAL reaches",
        {"it may be about to; else connect to the primary, or to a standby that streams"});
  }
  const std::optional<std::uint32_t> timeline =
      row.at(3) ? pg::ParseUpperHex(std::string_view(*row.at(3)).substr(0, 8))
                : pg::ParseDigits<std::uint32_t>(row.at(4).value_or(""));
  if (!timeline) {
    throw base::Error(base::ErrorKind::kUnavailable, "the server does not tell its timeline");
  }
  return {.system_identifier = pg::SystemIdentifier(std::stoull(row.at(0).value())),
          .timeline = pg::TimelineId(*timeline),
          .flush_lsn = pg::ParseLsn(*row.at(2))};
}

std::optional<base::Bytes> SqlSource::ReadFile(const std::string& name, std::uint64_t offset,
                                               std::uint64_t length) {
  std::optional<base::Bytes> bytes;
  try {
    connection_.CopyBinary(
        fmt::format("SELECT pg_read_binary_file('pg_wal/{}', {}, {}, true)", name, offset, length),
        [&](std::span<const std::optional<base::ByteView>> row) {
          if (row[0]) bytes.emplace(row[0]->begin(), row[0]->end());
        });
  } catch (base::Error& error) {
    if (error.kind() == base::ErrorKind::kDenied) {
      error.AddHint(
          "let the role read WAL: GRANT EXECUTE ON FUNCTION "
          "pg_read_binary_file(text, bigint, bigint, boolean) TO the role");
    }
    throw;
  }
  return bytes;
}

std::string SqlSource::TimelineHistory(pg::TimelineId timeline) {
  const std::string name = pg::FormatHistoryName(timeline);
  const std::optional<base::Bytes> text = ReadFile(name, 0, base::kMiB);
  if (!text) {
    throw base::Error(base::ErrorKind::kNotFound,
                      fmt::format("{} is not in the server's pg_wal", name));
  }
  return std::string(base::AsText(*text));
}

void SqlSource::Start(pg::Lsn from, pg::TimelineId timeline) {
  if (!segment_size_) {
    segment_size_ = pg::SegmentSize::FromBytes(std::stoull(
        connection_.QueryValue("SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'")));
  }
  timeline_ = timeline;
  position_ = from;
  end_.reset();
  Poll();
}

void SqlSource::Poll() {
  server_ = Identify();
  polled_ = clock_->Steady();
  if (server_.timeline != timeline_ && !end_) SeeTimeline(server_.timeline);
}

void SqlSource::SeeTimeline(pg::TimelineId current) {
  const pg::TimelineHistory history = pg::TimelineHistory::Parse(current, TimelineHistory(current));
  const std::vector<pg::TimelineSpan> spans = history.Spans();
  const auto ours = std::ranges::find(spans, timeline_, &pg::TimelineSpan::timeline);
  if (ours == spans.end() || !ours->end) {
    throw base::Error(base::ErrorKind::kUnavailable,
                      fmt::format("the server went over to timeline {}, which does not come from "
                                  "timeline {}",
                                  current.value(), timeline_.value()));
  }
  end_ = pg::TimelineEnd{.next_timeline = std::next(ours)->timeline, .switch_lsn = *ours->end};
}

pg::StreamEvent SqlSource::Receive(std::chrono::milliseconds wait) {
  const pg::Lsn readable_end = end_ ? end_->switch_lsn : server_.flush_lsn;
  if (position_ < readable_end) return ReadNext(readable_end);
  if (end_) return *end_;
  return AwaitPoll(wait);
}

pg::StreamEvent SqlSource::AwaitPoll(std::chrono::milliseconds wait) {
  const auto due = polled_ + poll_interval_;
  const auto now = clock_->Steady();
  if (now < due) {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(due - now);
    (void)clock_->Sleep(std::min(rest, wait), stop_);
    if (clock_->Steady() < due) return pg::NothingYet{};
  }
  Poll();
  return pg::KeepAliveMessage{.server_end = server_.flush_lsn};
}

pg::WalData SqlSource::ReadNext(pg::Lsn readable_end) {
  const pg::SegmentNumber segment = pg::SegmentOfByteAt(position_, *segment_size_);
  const pg::Lsn end =
      std::min({readable_end, pg::SegmentEnd(segment, *segment_size_), position_ + kReadBytes});
  pg::WalData data{.start = position_, .server_end = server_.flush_lsn, .bytes = {}};
  data.bytes =
      ReadSegment(segment, pg::OffsetInSegment(position_, *segment_size_), end - position_);
  RequireRightPages(data);
  position_ = end;
  return data;
}

// A timeline's last segment is renamed when it is left; its successor's first begins with a copy.
base::Bytes SqlSource::ReadSegment(pg::SegmentNumber segment, std::uint64_t offset,
                                   std::uint64_t length) {
  const std::string name = pg::FormatSegmentName(timeline_, segment, *segment_size_);
  std::vector<std::string> names{name};
  if (end_) {
    names.push_back(name + ".partial");
    names.push_back(pg::FormatSegmentName(end_->next_timeline, segment, *segment_size_));
  }
  for (const std::string& candidate : names) {
    std::optional<base::Bytes> bytes = ReadFile(candidate, offset, length);
    if (!bytes) continue;
    if (bytes->size() == length) return std::move(*bytes);
    throw base::Error(base::ErrorKind::kUnavailable,
                      fmt::format("pg_wal/{} ends early on the server", candidate));
  }
  throw base::Error(base::ErrorKind::kNotFound,
                    fmt::format("the server no longer has the WAL segment {}", name));
}

// The file may have been recycled for a later segment between the listing of its name and the read.
void SqlSource::RequireRightPages(const pg::WalData& data) const {
  const std::uint64_t into_page = data.start.value() % pg::kWalPageSize;
  std::uint64_t offset = into_page == 0 ? 0 : pg::kWalPageSize - into_page;
  for (; offset + pg::kWalLongPageHeaderSize <= data.bytes.size(); offset += pg::kWalPageSize) {
    if (IsWalPageAt(base::ByteView(data.bytes).subspan(offset), data.start + offset, timeline_)) {
      continue;
    }
    // The rest of a segment that was switched away from is zeros.
    const std::size_t count = std::min<std::size_t>(pg::kWalPageSize, data.bytes.size() - offset);
    if (base::AllZero(base::ByteView(data.bytes).subspan(offset, count))) continue;
    throw base::Error(base::ErrorKind::kNotFound,
                      fmt::format("the server no longer has the WAL at {}: it was overwritten",
                                  pg::FormatLsn(data.start + offset)));
  }
}

}  // namespace

std::unique_ptr<WalSource> OpenSqlSource(const pg::ConnectOptions& connect,
                                         std::chrono::milliseconds poll_interval,
                                         base::Clock& clock) {
  return std::make_unique<SqlSource>(connect, poll_interval, clock);
}

}  // namespace holdfast::wal
