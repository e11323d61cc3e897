#include "backup/backup.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "backup/audit.h"
#include "backup/capture_server.h"
#include "backup/change_finder.h"
#include "backup/control_reader.h"
#include "backup/copy_stage.h"
#include "backup/decay.h"
#include "backup/session_keeper.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/size_text.h"
#include "catalog/changed_pages.h"
#include "catalog/cluster_facts.h"
#include "pg/backup_session.h"
#include "pg/cluster_reader.h"
#include "pg/control_file.h"
#include "pg/version.h"
#include "pg/wal_hold.h"
#include "repo/frame_reader.h"
#include "repo/pin.h"
#include "repo/writer.h"
#include "wal/capture.h"

namespace holdfast::backup {

namespace {

// What the repository knows of the source.
struct KnownBackups {
  std::vector<catalog::ClusterBackup> backups;  // oldest first
  std::map<repo::BackupId, std::string> unreadable;
};

KnownBackups ReadKnownBackups(const repo::Repository& repository, const std::string& source) {
  KnownBackups known;
  known.backups = catalog::ClusterBackups(repository, source,
                                          [&](const repo::BackupId& id, const base::Error& error) {
                                            known.unreadable[id] = error.message();
                                          });
  return known;
}

// A connection that leads elsewhere since yesterday must not mix two clusters up. The newest
// backup says which one the source is.
void RequireSameCluster(const KnownBackups& known, const BackupOptions& options,
                        pg::SystemIdentifier system) {
  if (options.new_cluster || known.backups.empty()) return;
  const catalog::ClusterBackup& newest = known.backups.back();
  if (newest.facts.system == system) return;
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("the server is the cluster {}, but {} is the cluster {}, by its newest backup {}",
                  system.value(), options.source, newest.facts.system.value(),
                  newest.snapshot.id.ToString()),
      {"each cluster needs a source of its own: look where the source's connection leads to",
       fmt::format(
           "after pg_upgrade, or if the source is to be this cluster from now on: `holdfast "
           "backup {} --new-cluster`",
           options.source)});
}

// The newest backup of the same cluster: what the new one shares with. Pages are compared by
// content, so any would do.
std::optional<catalog::ClusterBackup> ChooseParent(KnownBackups known, const BackupOptions& options,
                                                   pg::SystemIdentifier system,
                                                   std::vector<std::string>& warnings) {
  if (options.full) return std::nullopt;
  auto& backups = known.backups;
  const auto same = std::ranges::find_if(backups.rbegin(), backups.rend(), [&](const auto& backup) {
    return backup.facts.system == system;
  });
  const bool found = same != backups.rend();
  for (const auto& [id, why] : known.unreadable) {
    // An older one would not have been chosen.
    if (found && id < same->snapshot.id) continue;
    warnings.push_back(
        fmt::format("backup {} cannot be read and is not built upon: {}", id.ToString(), why));
  }
  if (!found) return std::nullopt;
  return std::move(*same);
}

std::unique_ptr<pg::ClusterReader> OpenReader(const BackupOptions& options,
                                              const pg::BackupSession& session) {
  if (options.data_directory) return pg::OpenLocalReader(*options.data_directory, session);
  return pg::OpenSqlReader(options.connect, session);
}

std::uint64_t SizeOf(const std::vector<pg::ClusterEntry>& entries) {
  std::uint64_t size = 0;
  for (const pg::ClusterEntry& entry : entries) size += entry.size;
  return size;
}

void WarnAboutSettings(const pg::ClusterFacts& facts, std::vector<std::string>& warnings) {
  if (!facts.fsync_on) {
    warnings.emplace_back(
        "the server runs with fsync = off: a crash of its machine can ruin the cluster itself");
  }
  if (!facts.full_page_writes) {
    warnings.emplace_back(
        "the server runs with full_page_writes = off: a crash of its machine can tear pages");
  }
}

// As Debian's servers have it: the normal state of things there, so no warning. A restore says it
// again.
void NoteOutsideFiles(const pg::ClusterFacts& facts, base::Reporter& report) {
  if (facts.outside_files.empty()) return;
  report.Note(fmt::format("not in the backup, since outside the data directory: {}",
                          fmt::join(facts.outside_files, ", ")));
}

// A restore leaves these links out. No warning: a linked folder of logs is the normal state of
// things too.
void NoteLinks(const std::vector<pg::ClusterEntry>& entries, base::Reporter& report) {
  std::vector<std::string> links;
  for (const pg::ClusterEntry& entry : entries) {
    if (entry.type != pg::ClusterEntry::Type::kSymlink) continue;
    if (entry.path == "pg_wal" || entry.path.starts_with("pg_tblspc/")) continue;
    links.push_back(fmt::format("{} (a link to {})", entry.path, entry.link_target));
  }
  if (links.empty()) return;
  report.Note(fmt::format("not in the backup, since links lead there: {}", fmt::join(links, ", ")));
}

// Runs `work`; a lost session or lost WAL is the cause to tell, not the interruption it led to.
template <typename Work>
auto WatchedBy(SessionKeeper& keeper, Work&& work) {
  try {
    auto result = work();
    keeper.Finish();
    return result;
  } catch (...) {
    keeper.Finish();
    throw;
  }
}

// One run, from the start of the backup on the server to the snapshot.
class Run {
 public:
  Run(const repo::Repository& repository, const BackupOptions& options, base::Clock& clock,
      base::Reporter& report, std::stop_token stop)
      : repository_(repository),
        options_(options),
        clock_(clock),
        report_(report),
        stop_(std::move(stop)),
        started_(clock.Now()) {}

  BackupResult Execute() {
    pg::WalHold hold = pg::WalHold::Open(options_.connect);
    pg::BackupSession session =
        pg::BackupSession::Start({.connect = options_.connect,
                                  .label = fmt::format("holdfast {}", options_.source),
                                  .slot = hold.slot(),
                                  .approve = [this](const auto& facts) { Approve(facts); }});
    const std::unique_ptr<wal::CaptureServer> server =
        OpenCaptureServer(options_, session, std::move(hold));
    WarnAboutSettings(session.facts(), warnings_);
    NoteOutsideFiles(session.facts(), report_);
    if (!server->HoldsWal()) {
      report_.Note(
          "no slot keeps the backup's WAL on the server: it is stored as soon as it is written");
    }
    const auto parent = ChooseParent(std::exchange(known_, {}), options_,
                                     session.facts().system_identifier, warnings_);
    const repo::WriterOptions writer_options = WriterOptionsFor(session, parent);
    repo::Writer writer(repository_, writer_options);

    wal::Archive archive(repository_, options_.source);
    wal::Capture capture(archive, *server, CaptureOptionsFor(session), clock_, report_);
    const repo::TreeRoot tree = CopyFiles(session, parent, writer, archive, capture);
    // Every reader is joined: a page read after this point could be newer than the WAL of the
    // backup.
    const pg::BackupStop stopped = session.Stop();
    facts_.bad_pages = judge_->Verdict(stopped.lsn);
    report_.Note("making sure that all WAL of the backup is in the repository");
    archive.RecordTimeline(session.facts().system_identifier, stopped.timeline);
    NoteCaptured(capture.Finish(stopped.lsn, stop_));
    // First, so that no moment lies between the backup and its pin; a pin whose backup never comes
    // is removed by prune.
    if (options_.pin) repo::PutPin(repository_.storage(), writer_options.id, std::nullopt);
    return {.snapshot = writer.Commit(Draft(session, stopped, parent, tree, writer)),
            .warnings = warnings_};
  }

 private:
  void Approve(const pg::ClusterFacts& facts) {
    known_ = ReadKnownBackups(repository_, options_.source);
    RequireSameCluster(known_, options_, facts.system_identifier);
    report_.Note("starting the backup on the server: it writes a checkpoint first");
  }

  repo::WriterOptions WriterOptionsFor(const pg::BackupSession& session,
                                       const std::optional<catalog::ClusterBackup>& parent) const {
    repo::WriterOptions writer;
    writer.id = repo::BackupId::New(options_.source, started_);
    if (parent) writer.parent = parent->snapshot.id;
    writer.log_start = repo::LogRange{.system = session.facts().system_identifier.value(),
                                      .timeline = session.start().timeline.value(),
                                      .start = session.start().lsn.value(),
                                      .stop = session.start().lsn.value()};
    writer.pack_size = options_.pack_size;
    writer.compression = options_.compression;
    return writer;
  }

  wal::CaptureOptions CaptureOptionsFor(const pg::BackupSession& session) const {
    return {.system = session.facts().system_identifier,
            .timeline = session.start().timeline,
            .start = session.start().lsn,
            .segment_size = session.facts().wal_segment_size,
            .pushed = options_.wal_is_pushed,
            .patience = options_.wal_patience};
  }

  repo::TreeRoot CopyFiles(pg::BackupSession& session,
                           const std::optional<catalog::ClusterBackup>& parent,
                           repo::Writer& writer, wal::Archive& archive, wal::Capture& capture) {
    SessionKeeper keeper(session, clock_, stop_);
    keeper.Beside([&](const std::stop_token& stop) { capture.Follow(stop); });
    return WatchedBy(keeper, [&] {
      const std::unique_ptr<pg::ClusterReader> cluster = OpenReader(options_, session);
      const auto changes = LookForChanges(session, parent, archive, keeper.stop_token());
      return CopyFrom(*cluster, session, parent, changes, writer, keeper.stop_token());
    });
  }

  // Empty: everything is to be read.
  std::optional<pg::BlockChanges> LookForChanges(
      const pg::BackupSession& session, const std::optional<catalog::ClusterBackup>& parent,
      wal::Archive& archive, const std::stop_token& stop) {
    FoundByWal found{.changes = {}, .why_not = "there is no backup to build upon"};
    if (parent) {
      report_.Note(fmt::format("looking in the WAL for what changed since {}",
                               parent->snapshot.id.ToString()));
      found = FindByWal(options_, session, parent->facts, archive, stop);
    }
    if (!found.changes && options_.require_incremental) {
      throw base::Error(base::ErrorKind::kConflict,
                        fmt::format("everything would have to be read: {}", found.why_not),
                        {"without --require-incremental it is read and compared"});
    }
    if (options_.audit && !found.changes) {
      report_.Note("there is nothing to audit: everything is read as it is");
    }
    if (!parent) return std::nullopt;
    Tell(found);
    if (found.changes && options_.audit) {
      audit_.emplace(parent->facts.start_lsn, session.start().lsn);
      found.why_not = "an audit was asked for";
    }
    facts_.changes_from =
        found.why_not.empty() ? catalog::ChangesFrom::kWal : catalog::ChangesFrom::kReading;
    facts_.why_all_read = found.why_not;
    return std::move(found.changes);
  }

  void Tell(const FoundByWal& found) {
    if (found.changes) {
      return report_.Note(fmt::format("{} what changed, {} of them had to be read",
                                      base::Counted(found.from_summaries + found.from_wal,
                                                    "WAL segment says", "WAL segments say"),
                                      found.from_wal));
    }
    const std::string text =
        fmt::format("everything is read and compared, since {}", found.why_not);
    if (found.is_normal) return report_.Note(text);
    warnings_.push_back(text);
  }

  repo::TreeRoot CopyFrom(pg::ClusterReader& cluster, const pg::BackupSession& session,
                          const std::optional<catalog::ClusterBackup>& parent,
                          const std::optional<pg::BlockChanges>& changes, repo::Writer& writer,
                          const std::stop_token& stop) {
    facts_.method = cluster.method();
    const pg::ControlFile control = pg::ParseControlFile(ReadControlFile(cluster, clock_, stop));
    pg::RequireSupportedPageSize(control.page_size);
    judge_.emplace(session.start().lsn, control.page_checksums());
    const std::vector<pg::ClusterEntry> entries = cluster.List();
    NoteLinks(entries, report_);
    repo::FrameReader parent_frames(repository_);
    std::optional<catalog::ChangedPages> changed_pages;
    if (changes) {
      changed_pages.emplace(*changes, parent->facts.bad_pages, control.blocks_per_segment);
    }
    OlderPacks older_packs(DecayedOf(parent));
    CopyContext context{.cluster = cluster,
                        .writer = writer,
                        .parent_frames = parent_frames,
                        .losses = losses_,
                        .older_packs = older_packs,
                        .keyring = repository_.keyring(),
                        .judge = *judge_,
                        .clock = clock_,
                        .report = report_,
                        .counters = counters_,
                        .blocks_per_segment = control.blocks_per_segment,
                        .changed_pages = changed_pages ? &*changed_pages : nullptr,
                        .audit = audit_ ? &*audit_ : nullptr};
    CopyStageOptions stage{
        .jobs = options_.jobs,
        .tablespace_version_directory = pg::TablespaceVersionDirectory(control.version),
        .parent_tree = {}};
    if (parent) stage.parent_tree = parent->snapshot.facts.tree;

    report_.BeginPhase("backing up", SizeOf(entries));
    repo::TreeRoot tree = CopyCluster(
        context, entries, stage, [&] { return ReadControlFile(cluster, clock_, stop); }, stop);
    report_.EndPhase();
    if (audit_) TellAudit();
    facts_.older_packs = older_packs.Facts();
    return tree;
  }

  std::set<repo::ShortPackId> DecayedOf(const std::optional<catalog::ClusterBackup>& parent) {
    // What is stored again is not judged by an audit.
    if (!parent || !parent->facts.older_packs || options_.audit) return {};
    std::set<repo::ShortPackId> decayed =
        ChooseDecayed(parent->facts.older_packs->thin, DecayBudget(parent->facts));
    if (!decayed.empty()) {
      report_.Note(
          fmt::format("what is still in use of {} older packs is stored again, so that they can go",
                      decayed.size()));
    }
    return decayed;
  }

  void TellAudit() {
    facts_.audit = audit_->Take();
    if (facts_.audit->pages_missed == 0) {
      return report_.Note(
          fmt::format("audit: the WAL names every page that changed ({} differ in hint bits alone)",
                      facts_.audit->pages_without_wal));
    }
    const catalog::BadPage& first = facts_.audit->missed.front();
    warnings_.push_back(fmt::format(
        "audit: the WAL does not name all pages that changed, the first of {} missed is page {} of "
        "{}. This backup has them as they are; an earlier one that read only what the WAL names "
        "may not have them. Report this, and rely on backups made with --full until it is known "
        "why",
        facts_.audit->pages_missed, first.block, first.path));
  }

  void NoteCaptured(const wal::Captured& captured) {
    std::ranges::copy(captured.warnings, std::back_inserter(warnings_));
    if (captured.by_us.empty()) return;
    report_.Note(base::Counted(captured.by_us.size(), "WAL segment was", "WAL segments were") +
                 " read from the server by the backup itself");
  }

  repo::SnapshotDraft Draft(const pg::BackupSession& session, const pg::BackupStop& stopped,
                            const std::optional<catalog::ClusterBackup>& parent,
                            const repo::TreeRoot& tree, const repo::Writer& writer) {
    FillFacts(session, stopped, writer);
    std::ranges::copy(losses_.Warnings(), std::back_inserter(warnings_));
    for (const catalog::BadPage& page : facts_.bad_pages) {
      warnings_.push_back(
          fmt::format("page {} of {} is damaged on the server: it was backed up as it is",
                      page.block, page.path));
    }
    repo::SnapshotDraft draft;
    draft.kind = catalog::kClusterKind;
    draft.started = started_;
    draft.finished = clock_.Now();
    draft.log = repo::LogRange{.system = facts_.system.value(),
                               .timeline = facts_.timeline.value(),
                               .start = facts_.start_lsn.value(),
                               .stop = facts_.stop_lsn.value()};
    draft.tree = tree;
    if (parent) draft.parent = parent->snapshot.id;
    draft.labels = options_.labels;
    draft.warnings = warnings_;
    draft.attributes = catalog::ToJson(facts_);
    return draft;
  }

  void FillFacts(const pg::BackupSession& session, const pg::BackupStop& stopped,
                 const repo::Writer& writer) {
    const pg::ClusterFacts& cluster = session.facts();
    facts_.server_version = cluster.server_version;
    facts_.wal_segment_size = cluster.wal_segment_size;
    facts_.data_checksums = cluster.data_checksums;
    facts_.system = cluster.system_identifier;
    facts_.timeline = stopped.timeline;
    facts_.start_lsn = session.start().lsn;
    facts_.stop_lsn = stopped.lsn;
    facts_.start_time = session.start().time;
    facts_.stop_time = stopped.time;
    facts_.backup_label = stopped.backup_label;
    facts_.tablespace_map = stopped.tablespace_map;
    for (const pg::Tablespace& tablespace : cluster.tablespaces) {
      facts_.tablespaces.push_back({.oid = tablespace.oid,
                                    .name = tablespace.name,
                                    .location = tablespace.location,
                                    .in_place = tablespace.in_place});
    }
    facts_.outside_files = cluster.outside_files;
    facts_.bytes_source = counters_.bytes_source;
    facts_.bytes_read = counters_.bytes_read;
    facts_.bytes_stored = writer.stats().bytes_stored;
    if (options_.requests) facts_.requests = options_.requests();
    facts_.pages_changed = counters_.pages_stored;
    facts_.pages = counters_.pages;
    facts_.files = counters_.files;
  }

  const repo::Repository& repository_;
  const BackupOptions& options_;
  base::Clock& clock_;
  base::Reporter& report_;
  const std::stop_token stop_;
  const base::Time started_;
  KnownBackups known_;
  CopyCounters counters_;
  ParentLosses losses_;
  std::optional<PageJudge> judge_;
  std::optional<Audit> audit_;
  catalog::ClusterFacts facts_;
  std::vector<std::string> warnings_;
};

}  // namespace

BackupResult BackUpCluster(const repo::Repository& repository, const BackupOptions& options,
                           base::Clock& clock, base::Reporter& report,
                           const std::stop_token& stop) {
  repo::CheckSourceName(options.source);
  return Run(repository, options, clock, report, stop).Execute();
}

}  // namespace holdfast::backup
