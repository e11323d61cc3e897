#include "restore/known_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "pg/backup_label.h"
#include "pg/cluster_reader.h"
#include "pg/timeline_history.h"
#include "pg/wal_reader.h"
#include "restore/claim.h"
#include "restore/config_settings.h"
#include "wal/archive.h"
#include "wal/change_search.h"

namespace holdfast::restore {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t kMaxHistory = base::kMiB;
constexpr std::uint8_t kShutdownCheckpoint = 0x00;  // XLOG_CHECKPOINT_SHUTDOWN, pg_control.h

Error Unknown(std::string why) { return {ErrorKind::kNotFound, std::move(why)}; }

class Finding {
 public:
  Finding(const repo::Repository& repository, const RestorePlan& plan,
          const pg::ControlFile& control, const pg::ControlFile& backed_up,
          const std::stop_token& stop)
      : archive_(repository, plan.backup.id.source),
        plan_(plan),
        control_(control),
        backed_up_(backed_up),
        stop_(stop),
        wal_(pg::OpenLocalWalDirectory(plan.to)) {}

  catalog::ChangedPages Run() {
    RequireSameKind();
    RequireWhole();
    RequireSafeSettings();
    RequireTheSameServer();
    const pg::TimelineHistory history = History();
    if (!history.CanContinueFrom(plan_.facts.timeline, plan_.facts.stop_lsn) ||
        control_.checkpoint_lsn < plan_.facts.stop_lsn) {
      throw Unknown("it does not descend from the backup's end");
    }
    wal::FoundChanges found = wal::FindChanges(archive_, Reader(),
                                               {.system = plan_.facts.system,
                                                .segment_size = control_.segment_size,
                                                .lineage = history.Spans(),
                                                .from = plan_.facts.start_lsn,
                                                .to = control_.checkpoint_lsn},
                                               stop_);
    RequireThatNothingFollows();
    RequireLogged(found.changes);
    return {std::move(found.changes), plan_.facts.bad_pages, control_.blocks_per_segment};
  }

 private:
  void RequireSameKind() const {
    if (control_.state != pg::ClusterState::kShutDown) {
      throw Unknown(
          fmt::format("it was not shut down cleanly ({})", pg::ClusterStateName(control_.state)));
    }
    if (control_.HasDataChecksums() != plan_.facts.data_checksums ||
        backed_up_.HasDataChecksums() != plan_.facts.data_checksums) {
      throw Unknown("page checksums were switched since the backup");
    }
    if (control_.segment_size.bytes() != plan_.facts.wal_segment_size ||
        control_.blocks_per_segment != backed_up_.blocks_per_segment) {
      throw Unknown("its files are not divided as the backup's are");
    }
  }

  // What was lost when the operating system stopped is in no WAL. As far as can be seen: how the
  // server was last started, and what its configuration says now.
  void RequireSafeSettings() const {
    const std::string started = std::string(
        base::AsText(base::ReadFileIfExists(plan_.to / "postmaster.opts").value_or(base::Bytes{})));
    if (const auto asked = LastOption(started, "fsync=")) return RequireOn(*asked);
    if (started.find("\"-F\"") != std::string::npos) return RequireOn("off");
    const base::Path config =
        LastOption(started, "config_file=").value_or((plan_.to / "postgresql.conf").native());
    if (!base::Exists(config))
      throw Unknown(fmt::format("its configuration, {}, is not there", config.native()));
    const std::map<std::string, std::string> settings = SettingsInForce(FilesBeside(config));
    const auto fsync = settings.find("fsync");
    if (fsync != settings.end()) RequireOn(fsync->second);
  }

  static void RequireOn(const std::string& value) {
    constexpr std::array<std::string_view, 4> kOn = {"on", "true", "yes", "1"};
    if (std::ranges::find(kOn, value) == kOn.end())
      throw Unknown("its settings say fsync = " + value);
  }

  // Of a command line whose words stand in quotation marks.
  static std::optional<std::string> LastOption(const std::string& line, std::string_view name) {
    const auto at = line.rfind(name);
    if (at == std::string::npos) return std::nullopt;
    const auto begin = at + name.size();
    return line.substr(begin, line.find('"', begin) - begin);
  }

  // postgresql.conf, what lies beside it and one folder below, and postgresql.auto.conf, which is
  // always in the data directory.
  ConfigFiles FilesBeside(const base::Path& config) const {
    const base::Path folder = config.parent_path();
    ConfigFiles files;
    const auto add = [&](const base::Path& path) {
      if (path.extension() == ".conf") files.paths.push_back(path.lexically_relative(folder));
    };
    for (const std::string& name : base::NamesIn(folder)) {
      add(folder / name);
      if (name != "conf.d") continue;
      for (const std::string& below : base::NamesIn(folder / name)) add(folder / name / below);
    }
    std::ranges::sort(files.paths);
    files.read = [this, folder, config](const std::string& path) -> std::optional<std::string> {
      const base::Path place = path == "postgresql.conf"        ? config
                               : path == "postgresql.auto.conf" ? plan_.to / path
                                                                : folder / path;
      const auto text = base::ReadFileIfExists(place);
      if (!text) return std::nullopt;
      return std::string(base::AsText(*text));
    };
    return files;
  }

  bool LogsHints() const {
    if (plan_.facts.data_checksums) return true;
    return control_.settings.wal_log_hints && backed_up_.settings.wal_log_hints;
  }

  // It was restored once, without what was lost then.
  void RequireWhole() const {
    if (!base::Exists(plan_.to / kLossMark)) return;
    throw Unknown(
        fmt::format("it was restored without all that the backup had (see {} there)", kLossMark));
  }

  // See known_history.h. The label is that of the backup from which the directory was made.
  void RequireTheSameServer() const {
    std::optional<pg::BackupLabel> label;
    if (const auto text = base::ReadFileIfExists(plan_.to / "backup_label.old"))
      label = pg::ParseBackupLabel(base::AsText(*text));
    if (label && label->start == plan_.facts.start_lsn) return;
    if (control_.checkpoint.timeline != plan_.facts.timeline) {
      throw Unknown(
          "it was recovered, or was a standby, since the backup began, and not from this "
          "backup: such a server writes hint bits of which no WAL tells");
    }
    // A promotion begins a timeline. Without one a copy went on in its server's place.
    if (label && label->timeline == plan_.facts.timeline)
      throw Unknown("it is a copy that took its server's place without a new timeline");
  }

  void RequireLogged(const pg::BlockChanges& changes) const {
    for (const pg::ChangeDoubt doubt : changes.doubts())
      throw Unknown(std::string(pg::ChangeDoubtText(doubt)));
    if (!LogsHints() || (!plan_.facts.data_checksums && changes.hints_unlogged())) {
      throw Unknown("hint bits are changed without WAL (no page checksums, wal_log_hints = off)");
    }
    if (changes.pages_unprotected()) throw Unknown("full_page_writes was off meanwhile");
  }

  pg::TimelineHistory History() {
    const pg::TimelineId timeline = control_.checkpoint.timeline;
    if (timeline == pg::TimelineId(1)) return {};
    base::Bytes text(kMaxHistory);
    if (const auto count = wal_->ReadAt(pg::FormatHistoryName(timeline), 0, text)) {
      return pg::TimelineHistory::Parse(timeline, base::AsText(base::ByteView(text).first(*count)));
    }
    if (auto history = archive_.History(plan_.facts.system, timeline)) return std::move(*history);
    throw Unknown(fmt::format("the history of timeline {} is not there", timeline.value()));
  }

  wal::ReadServerWal Reader() {
    return [this](std::string_view name, std::uint64_t offset, base::MutableByteView out) {
      return wal_->ReadAt(name, offset, out);
    };
  }

  // The control file is the one that belongs to this WAL when the WAL ends with what it says.
  void RequireThatNothingFollows() {
    const pg::SegmentSize size = control_.segment_size;
    const pg::SegmentNumber segment = pg::SegmentOfByteAt(control_.checkpoint_lsn, size);
    const std::string name = pg::FormatSegmentName(control_.checkpoint.timeline, segment, size);
    base::Bytes bytes(size.bytes());
    const auto count = wal_->ReadAt(name, 0, bytes);
    if (!count || *count != bytes.size()) throw Unknown(name + " is not whole in its pg_wal");
    pg::WalReader reader({.version = control_.version,
                          .segment_size = size,
                          .start = control_.checkpoint_lsn,
                          .system_identifier = control_.system_identifier});
    reader.Feed(base::ByteView(bytes).subspan(pg::OffsetInSegment(control_.checkpoint_lsn, size)));
    const pg::WalRecord* record = reader.Next();
    const bool is_shutdown = record != nullptr &&
                             record->header.resource_manager == pg::ResourceManager::kXlog &&
                             record->kind() == kShutdownCheckpoint;
    if (!is_shutdown || reader.Next() != nullptr) {
      throw Unknown("its WAL goes on behind where its control file says that it ended");
    }
  }

  wal::Archive archive_;
  const RestorePlan& plan_;
  const pg::ControlFile& control_;
  const pg::ControlFile& backed_up_;
  const std::stop_token& stop_;
  const std::unique_ptr<pg::WalDirectory> wal_;
};

bool IsAboutTheHistory(const Error& error) {
  return error.kind() == ErrorKind::kNotFound || error.kind() == ErrorKind::kCorrupt ||
         error.kind() == ErrorKind::kConflict || error.kind() == ErrorKind::kDenied;
}

}  // namespace

KnownHistory FindKnownHistory(const repo::Repository& repository, const RestorePlan& plan,
                              const pg::ControlFile& backed_up, const std::stop_token& stop) {
  const std::optional<base::Bytes> control = base::ReadFileIfExists(plan.to / kControlPath);
  if (!control) return {.why_not = "an earlier restore into it was interrupted"};
  try {
    const pg::ControlFile found = pg::ParseControlFile(*control);
    return {.changed = Finding(repository, plan, found, backed_up, stop).Run(), .control = control};
  } catch (const Error& error) {
    if (!IsAboutTheHistory(error)) throw;
    return {.why_not = error.message()};
  }
}

}  // namespace holdfast::restore
