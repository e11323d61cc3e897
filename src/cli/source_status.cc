#include "cli/source_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/time_text.h"
#include "catalog/cluster_facts.h"
#include "cli/archiver_state.h"
#include "cli/copies_status.h"
#include "cli/open_repository.h"
#include "cli/receiver_file.h"
#include "cli/server_position.h"
#include "cli/source_access.h"
#include "cli/wal_report.h"
#include "upkeep/examine.h"
#include "wal/times.h"

namespace holdfast::cli {
namespace {

// A server that is idle for a day with archive_timeout leaves a thousand segments without a commit:
// the search for the last one stops after so many.
constexpr std::uint64_t kSearchedSegments = 64;

const config::Source* Configured(Session& session, std::string_view name) {
  for (const config::Source& source : session.config().sources) {
    if (source.name == name) return &source;
  }
  return nullptr;
}

std::optional<pg::Lsn> LsnIn(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return pg::TryParseLsn(found->get<std::string>());
}

std::optional<base::Time> TimeIn(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return base::ParseTime(found->get<std::string>(), "UTC");
}

class Gathering {
 public:
  Gathering(Session& session, const std::string& source)
      : session_(session), configured_(Configured(session, source)) {
    status_.source = source;
    facts_.source = source;
    facts_.configured = configured_;
    facts_.now = session.clock().Now();
  }

  SourceStatus Run() {
    const repo::Repository repository =
        OpenRepository(session_, RepositoryForSource(session_, status_.source));
    ReadReceiver();
    ReadBackups(repository);
    LookForPacks(repository);
    AskServer();
    ReadArchive(repository);
    facts_.at_risk = Risk();
    ReadCopies();
    status_.reasons.insert(status_.reasons.end(), reasons_.begin(), reasons_.end());
    for (Reason& reason : JudgeProtection(facts_)) status_.reasons.push_back(std::move(reason));
    status_.protection = WorstOf(status_.reasons);
    status_.facts = std::move(facts_);
    return std::move(status_);
  }

 private:
  bool IsCluster() const {
    return configured_ != nullptr && configured_->type == config::SourceType::kPostgres;
  }

  void ReadReceiver() {
    try {
      status_.receiver = ReadReceiverFile(StreamStateFile(session_, status_.source));
      if (status_.receiver.is_null()) return;
      facts_.receiver = ReceiverFacts{.running = status_.receiver.value("running", false),
                                      .problem = status_.receiver.value("problem", ""),
                                      .last_received = TimeIn(status_.receiver, "last_received")};
    } catch (const std::exception& error) {
      status_.receiver = nullptr;
      reasons_.push_back({Protection::kAttention,
                          fmt::format("the receiver's state cannot be read: {}", error.what()),
                          "it is in " + StreamStateFile(session_, status_.source).string()});
    }
  }

  void ReadBackups(const repo::Repository& repository) {
    const auto damaged = [&](const repo::BackupId& id, const base::Error& error) {
      facts_.damaged.push_back({id.ToString(), error.message()});
    };
    for (const repo::Snapshot& snapshot :
         repo::ReadSnapshots(repository, status_.source, damaged)) {
      try {
        AddBackup(snapshot);
      } catch (const base::Error& error) {
        damaged(snapshot.id, error);
      }
    }
  }

  void LookForPacks(const repo::Repository& repository) {
    if (all_.empty()) return;
    const upkeep::ExaminedStore store(repository);
    for (auto id = all_.rbegin(); id != all_.rend(); ++id) {
      std::string flaw = upkeep::FlawOfPacks(repository, store, *id);
      if (flaw.empty()) return;
      facts_.incomplete.push_back({id->ToString(), std::move(flaw)});
    }
  }

  void AddBackup(const repo::Snapshot& snapshot) {
    NewestBackup backup{.id = snapshot.id.ToString(),
                        .kind = snapshot.facts.kind,
                        .finished = snapshot.facts.finished,
                        .size = snapshot.facts.tree.total_size,
                        .warnings = snapshot.facts.warnings};
    if (snapshot.facts.kind == catalog::kClusterKind) {
      const catalog::ClusterFacts cluster = catalog::FactsOf(snapshot);
      backup.bad_pages = cluster.bad_pages.size();
      clusters_.push_back(cluster);
      ids_.push_back(backup.id);
    }
    ++facts_.backups;
    all_.push_back(snapshot.id);
    facts_.newest = std::move(backup);
  }

  void AskServer() {
    if (!IsCluster()) return;
    facts_.server_asked = true;
    try {
      server_ =
          ReadServerPosition(ConnectOptionsOf(session_, *configured_), configured_->slot_name);
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kCancelled) throw;
      facts_.server_problem = error.message();
      return;
    }
    facts_.receiver_connected = server_->receiver_connected;
    facts_.other_cluster = !clusters_.empty() && clusters_.back().system != server_->system;
    if (configured_->wal != config::WalMode::kPush && server_->slot_lost)
      facts_.slot_problem =
          fmt::format("replication slot {} is lost: the server has dropped WAL that it was to keep",
                      configured_->slot_name);
  }

  void ReadArchive(const repo::Repository& repository) {
    wal::Archive archive(repository, status_.source);
    std::vector<pg::SystemIdentifier> seen;
    for (const SystemReport& report : ReportOnWal(archive)) {
      seen.push_back(report.system);
      ReadSystem(archive, report);
    }
    if (server_ && IsPushed(*configured_))
      facts_.archiver = LookAtArchiver(session_, *configured_, *server_, archive, Stored());
    for (std::size_t i = 0; i < clusters_.size(); ++i) {
      if (std::ranges::find(seen, clusters_[i].system) == seen.end())
        facts_.without_wal.push_back(ids_[i]);
    }
  }

  // Of what is missing at a gap the archiver knows nothing any more.
  std::optional<StoredWal> Stored() const {
    if (!stored_ || !facts_.open_gap.empty()) return std::nullopt;
    return StoredWal{.end = *stored_, .segment_size = segment_size_};
  }

  std::vector<BackupPoint> PointsOf(pg::SystemIdentifier system) const {
    std::vector<BackupPoint> points;
    for (std::size_t i = 0; i < clusters_.size(); ++i) {
      const catalog::ClusterFacts& facts = clusters_[i];
      if (facts.system == system)
        points.push_back({.id = ids_[i],
                          .timeline = facts.timeline,
                          .start = facts.start_lsn,
                          .stop = facts.stop_lsn,
                          .stop_time = facts.stop_time});
    }
    std::ranges::stable_sort(points, {}, &BackupPoint::start);
    return points;
  }

  void ReadSystem(wal::Archive& archive, const SystemReport& report) {
    const std::vector<BackupPoint> points = PointsOf(report.system);
    std::vector<Branch> branches;
    std::vector<pg::TimelineHistory> histories;
    for (const pg::TimelineId timeline : report.inventory.timelines) {
      Branch branch{.timeline = timeline, .history = HistoryOf(archive, report.system, timeline)};
      if (branch.history) histories.push_back(*branch.history);
      if (auto window = WindowOf(report.inventory, branch, points))
        AddWindow(archive, report, branch, *std::move(window));
      branches.push_back(std::move(branch));
    }
    for (const BackupPoint& point : points) {
      if (IsUsable(report.inventory, branches, point)) {
        ++facts_.usable_clusters;
      } else {
        facts_.without_wal.push_back(point.id);
      }
    }
    const bool current = report.system == CurrentSystem(report.system);
    if (!current) return;
    for (const wal::ForkedFile& fork : report.inventory.forks)
      facts_.archive_problems.push_back(fmt::format(
          "{} is in the archive with {} different contents", fork.file_name, fork.objects.size()));
    for (const std::string& object : report.inventory.unknown)
      facts_.archive_problems.push_back(
          fmt::format("object {} of the archive is not understood", object));
    for (const std::string& damage : report.inventory.damaged)
      facts_.archive_problems.push_back("damaged: " + damage);
    const pg::TimelineId timeline =
        server_ && server_->system == report.system
            ? server_->timeline
            : wal::ChooseLatest(report.inventory, archive.RecordedTimeline(report.system),
                                histories)
                  .timeline;
    NoteCurrentWindow(report.system, timeline);
  }

  void ReadCopies() {
    if (configured_ == nullptr) return;
    facts_.copies = GatherCopies(session_, *configured_);
    status_.places = PlacesThatHold(session_, *configured_, facts_.backups > 0, facts_.copies);
  }

  // The cluster whose latest moment matters.
  pg::SystemIdentifier CurrentSystem(pg::SystemIdentifier otherwise) const {
    if (server_) return server_->system;
    return clusters_.empty() ? otherwise : clusters_.back().system;
  }

  std::optional<pg::TimelineHistory> HistoryOf(wal::Archive& archive, pg::SystemIdentifier system,
                                               pg::TimelineId timeline) {
    try {
      auto history = archive.History(system, timeline);
      if (!history && timeline == pg::TimelineId(1)) return pg::TimelineHistory();
      if (history) return history;
      facts_.archive_problems.push_back(
          fmt::format("the history file of timeline {} is not in the archive", timeline.value()));
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kCorrupt && error.kind() != base::ErrorKind::kConflict &&
          error.kind() != base::ErrorKind::kDenied)
        throw;
      facts_.archive_problems.push_back(error.message());
    }
    return std::nullopt;
  }

  void AddWindow(wal::Archive& archive, const SystemReport& report, const Branch& branch,
                 RecoveryWindow window) {
    ShownWindow shown{.system = report.system,
                      .segment_size = report.inventory.segment_size,
                      .window = std::move(window)};
    if (archive.reads_content()) {
      FindEndTime(archive, branch, shown);
    } else {
      shown.to_time_sealed = true;
    }
    status_.windows.push_back(std::move(shown));
  }

  void FindEndTime(wal::Archive& archive, const Branch& branch, ShownWindow& shown) {
    const Stretch& last = shown.window.stretches.back();
    const std::uint64_t searched = kSearchedSegments * shown.segment_size;
    const bool all = last.to - last.from <= searched;
    const pg::Lsn from = all ? last.from : last.to - searched;
    try {
      const auto mark = wal::LastCommit(archive, shown.system, LineageOf(branch), from, last.to,
                                        shown.segment_size);
      if (mark) {
        shown.to_time = std::max(mark->time, last.from_time);
      } else if (all) {
        shown.to_time = last.from_time;
      }
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kCorrupt && error.kind() != base::ErrorKind::kNotFound)
        throw;
      facts_.archive_problems.push_back(fmt::format("the end of timeline {} cannot be read: {}",
                                                    branch.timeline.value(), error.message()));
    }
  }

  void NoteCurrentWindow(pg::SystemIdentifier system, pg::TimelineId timeline) {
    facts_.unreached_timeline = timeline.value();
    for (const ShownWindow& shown : status_.windows) {
      if (shown.system != system || shown.window.timeline != timeline) continue;
      facts_.unreached_timeline.reset();
      stored_ = shown.window.stretches.back().to;
      segment_size_ = shown.segment_size;
      last_stored_ = shown.to_time;
      if (shown.window.open_gap)
        facts_.open_gap = shown.window.open_gap->ToString(shown.segment_size);
    }
  }

  std::optional<AtRisk> Risk() const {
    if (!IsCluster()) return std::nullopt;
    RiskInput input{.last_stored = last_stored_, .now = facts_.now};
    const bool running = facts_.receiver && facts_.receiver->running;
    if (running && facts_.receiver->last_received)
      input.last_stored =
          std::max(last_stored_.value_or(base::Time::min()), *facts_.receiver->last_received);
    if (server_) {
      input.server = server_->flushed;
      input.stored = stored_;
      input.now = server_->now;
    } else if (running) {
      input.server = LsnIn(status_.receiver, "server_lsn");
      input.stored = LsnIn(status_.receiver, "stored_lsn");
    }
    return RiskOf(input);
  }

  Session& session_;
  const config::Source* configured_;
  SourceStatus status_;
  SourceFacts facts_;
  std::vector<Reason> reasons_;
  std::vector<repo::BackupId> all_;              // ascending
  std::vector<catalog::ClusterFacts> clusters_;  // with ids_, ascending by start
  std::vector<std::string> ids_;
  std::optional<ServerPosition> server_;
  std::optional<pg::Lsn> stored_;  // on the current timeline
  std::uint32_t segment_size_ = 0;
  std::optional<base::Time> last_stored_;
};

// The source's own repository is out of reach: then the copies matter most.
void AddCopiesAlone(Session& session, SourceStatus& status) {
  const config::Source* configured = Configured(session, status.source);
  if (configured == nullptr || configured->copies.empty()) return;
  status.facts.now = session.clock().Now();
  status.facts.copies = GatherCopies(session, *configured);
  status.places = PlacesThatHold(session, *configured, false, status.facts.copies);
  for (Reason& reason : JudgeCopies(status.facts)) status.reasons.push_back(std::move(reason));
}

}  // namespace

SourceStatus StatusOf(Session& session, const std::string& source) {
  try {
    return Gathering(session, source).Run();
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::kCancelled) throw;
    SourceStatus status{.source = source};
    status.facts.source = source;
    status.reasons.push_back({Protection::kUnknown, error.message(),
                              error.hints().empty()
                                  ? fmt::format("holdfast check {} says what is wrong", source)
                                  : error.hints().front()});
    AddCopiesAlone(session, status);
    return status;
  }
}

}  // namespace holdfast::cli
