#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "base/synchronized.h"
#include "base/workers.h"
#include "pg/cluster_files.h"
#include "pg/control_file.h"
#include "pg/crc32c.h"
#include "pg/version.h"
#include "repo/lease.h"
#include "restore/claim.h"
#include "restore/destination.h"
#include "restore/file_writer.h"
#include "restore/in_place.h"
#include "restore/known_history.h"
#include "restore/manifest.h"
#include "restore/other_copies.h"
#include "restore/owner.h"
#include "restore/pin_backup.h"
#include "restore/recovery_files.h"
#include "restore/restore.h"
#include "restore/small_files.h"
#include "restore/tree_walk.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

// Each unit holds an open file; enough of them to keep the workers busy.
constexpr std::uint64_t kQueuedUnits = 64;
// Small files, of which a cluster has thousands, lie close together in packs: a request for many.
constexpr std::uint64_t kSurroundingsBytes = 16 * base::kMiB;

// In a directory, durably.
class DirectoryFiles final : public SmallFiles {
 public:
  DirectoryFiles(const RestorePlan& plan, std::optional<Owner> owner)
      : plan_(plan), owner_(owner) {}

  WrittenFile Write(std::string_view path, base::ByteView contents, std::uint32_t mode) override {
    const base::Path place = plan_.to / path;
    AtDestination([&] {
      base::WriteFileDurably(place, contents);
      SetOwnerAndMode(place, owner_, mode);
    });
    return {.path = std::string(path),
            .size = contents.size(),
            .modified = plan_.facts.stop_time,
            .crc32c = pg::Crc32cOf(contents)};
  }

 private:
  const RestorePlan& plan_;
  const std::optional<Owner> owner_;
};

struct WriteUnit {
  std::shared_ptr<RestoredFile> file;
  std::size_t part = 0;
};

// Writes every file of the backup's tree but those that are written at the end.
class FileStage final : public TreeSink {
 public:
  FileStage(const repo::Repository& repository, const RestorePlan& plan, base::Reporter& report,
            repo::Lease* lease)
      : repository_(repository),
        plan_(plan),
        report_(report),
        lease_(lease),
        frames_(repository, {.surroundings_cache_bytes = kSurroundingsBytes}),
        pieces_(repository, frames_, *plan.others) {}

  void ChooseOwner() {
    repo::TreeReader tree(frames_, plan_.backup.facts.tree);
    owner_ = restore::ChooseOwner(plan_.to, tree.Find("PG_VERSION"));
  }

  void Run(int jobs, Manifest& manifest, const std::stop_token& stop) {
    base::Workers workers(stop);
    workers.OnFailure([&] { queue_.Abort(); });
    for (int i = 0; i < jobs; ++i) {
      workers.Start([&](const std::stop_token& token) {
        while (const auto unit = queue_.Pop()) Write(*unit, manifest, token);
      });
    }
    // Dispatching may fail as well, and must then release the workers: it is one of them.
    workers.Start([this](const std::stop_token& token) {
      aside_ = WalkTree(frames_, plan_.backup.facts.tree, *plan_.others, plan_.config.changed,
                        *this, token);
      queue_.Close();
    });
    workers.Join();
    base::ThrowIfStopped(stop);
  }

  const std::optional<Owner>& owner() const { return owner_; }
  // With what is lost, once all is written.
  RestoreResult& result() {
    for (auto& [path, lost] : lost_) {
      std::ranges::sort(lost.pages, {}, &LostPages::first);  // its parts end in any order
      result_.lost.push_back(std::move(lost));
    }
    lost_.clear();
    return result_;
  }

  // Directories last: their modes may forbid writing, and their entries must be complete.
  void FinishDirectories() {
    for (auto directory = directories_.rbegin(); directory != directories_.rend(); ++directory) {
      SetOwnerAndMode(directory->path, owner_, directory->mode);
      base::SyncDirectory(directory->path);
    }
    SetOwnerAndMode(plan_.to, owner_, data_directory_mode_);
    base::SyncDirectory(plan_.to);
  }

  // The control file of the backup.
  pg::ControlFile ControlBackedUp() {
    repo::TreeReader tree(frames_, plan_.backup.facts.tree);
    const auto entry = tree.Find(kControlPath);
    if (!entry) throw base::Error(base::ErrorKind::kCorrupt, "the backup has no control file");
    return pg::ParseControlFile(pieces_.Content(*entry));
  }
  // Before Run: of files of relations only what may have changed is looked at.
  void Know(catalog::ChangedPages changed) { changed_ = std::move(changed); }

  const SetAside& aside() const { return aside_; }
  base::Bytes ContentOf(const repo::TreeEntry& entry) { return pieces_.Content(entry); }

 private:
  struct Directory {
    base::Path path;
    std::uint32_t mode;
  };

  void AddDirectory(const repo::TreeEntry& directory) override {
    if (directory.path.empty()) {
      data_directory_mode_ = directory.mode;
      return;
    }
    const base::Path place = plan_.to / directory.path;
    AtDestination([&] { base::MakeDirectories(place); });
    directories_.push_back({.path = place, .mode = directory.mode});
  }

  void AddTablespace(const repo::TreeEntry& link, pg::Oid oid) override {
    const base::Path& target = plan_.tablespaces.at(oid);
    AtDestination([&] {
      const base::Path place = plan_.to / link.path;
      // In place it is the right one when it is still there.
      if (!fs::is_symlink(place)) fs::create_directory_symlink(target, place);
    });
    directories_.push_back({.path = target, .mode = 0700});
  }

  bool KeepsLink(const repo::TreeEntry& link) const override {
    return plan_.in_place && fs::is_symlink(plan_.to / link.path);
  }

  bool AddFile(repo::TreeEntry entry) override {
    const std::shared_ptr<RestoredFile> file = FileFor(std::move(entry));
    file->Create();
    for (std::size_t part = 0; part < file->part_count(); ++part) {
      if (!queue_.Push({.file = file, .part = part}, 1)) return false;  // Join tells why
    }
    return true;
  }

  std::shared_ptr<RestoredFile> FileFor(repo::TreeEntry entry) const {
    const base::Path place = plan_.to / entry.path;
    const auto relation = pg::ClassifyFile(entry.path, version_directory_).relation;
    const bool paged = std::holds_alternative<repo::PagedContent>(entry.content);
    if (changed_ && relation && paged) {
      return std::make_shared<RestoredFile>(std::move(entry), place, owner_, *relation, *changed_);
    }
    return std::make_shared<RestoredFile>(std::move(entry), place, owner_,
                                          plan_.in_place ? Existing::kRefresh : Existing::kNone);
  }

  void Write(const WriteUnit& unit, Manifest& manifest, const std::stop_token& stop) {
    report_.Advance(WritePart(unit, stop));
    if (lease_ != nullptr) lease_->KeepAlive();
    plan_.others->KeepAlive();
    if (!unit.file->PartDone()) return;
    if (IsAbandoned(unit.file->entry().path)) return unit.file->Abandon();
    const WrittenFile file = unit.file->Complete();
    const std::uint64_t written = plan_.in_place ? unit.file->bytes_written() : file.size;
    const std::scoped_lock lock(mutex_);
    manifest.Add(file);
    ++result_.files;
    result_.bytes_written += written;
    result_.bytes_kept += file.size - std::min(file.size, written);
  }

  std::uint64_t WritePart(const WriteUnit& unit, const std::stop_token& stop) {
    std::uint64_t bytes = 0;
    try {
      pieces_.Read(unit.file->entry(), [&](const PieceSource& source) {
        bytes = unit.file->WritePart(unit.part, source, stop);
      });
    } catch (const DestinationError&) {
      throw;
    } catch (const base::Error& error) {
      if (!plan_.allow_damaged || !IsLoss(error)) throw;
      Salvage(unit, stop);
    }
    return bytes;
  }

  void Salvage(const WriteUnit& unit, const std::stop_token& stop) {
    const repo::TreeEntry& entry = unit.file->entry();
    std::vector<LostPages> pages;
    if (std::holds_alternative<repo::PagedContent>(entry.content)) {
      pages = unit.file->SalvagePart(
          unit.part,
          [&](const std::function<void(const PieceSource&)>& read) { pieces_.Read(entry, read); },
          stop);
      if (pages.empty()) return;
    }
    // In a repository that went away, whose disk was unmounted for example, nothing is there
    // either.
    repository_.CheckStillThere();
    plan_.others->RequireAnswers();
    const std::scoped_lock lock(mutex_);
    LostContent& lost = lost_[entry.path];
    lost.path = entry.path;
    lost.pages.insert(lost.pages.end(), pages.begin(), pages.end());
  }

  bool IsAbandoned(const std::string& path) {
    const std::scoped_lock lock(mutex_);
    const auto found = lost_.find(path);
    return found != lost_.end() && found->second.pages.empty();
  }

  const repo::Repository& repository_;
  const RestorePlan& plan_;
  base::Reporter& report_;
  repo::Lease* lease_;  // may be null
  repo::FrameReader frames_;
  PieceReader pieces_;
  std::optional<Owner> owner_;
  const std::string version_directory_ =
      pg::TablespaceVersionDirectory(pg::MajorVersion::FromServerVersionNumber(
          static_cast<std::uint32_t>(plan_.facts.server_version)));
  std::optional<catalog::ChangedPages> changed_;
  base::BoundedQueue<WriteUnit> queue_{kQueuedUnits};
  std::vector<Directory> directories_;
  std::uint32_t data_directory_mode_ = 0700;
  SetAside aside_;
  std::mutex mutex_;  // guards what follows, and the manifest, while workers run
  std::map<std::string, LostContent> lost_;  // by path
  RestoreResult result_;
};

std::string_view PhaseOf(const RestorePlan& plan) {
  return plan.starts_as == StartsAs::kRecovery ? "restoring" : "exporting";
}

void FinishManifest(base::File& file, const std::optional<Owner>& owner) {
  file.Sync();
  SetOwnerAndMode(file.path(), owner, 0600);
  file.Close();
}

// The last step of a restore: with it the directory becomes a cluster.
void WriteControlFile(const RestorePlan& plan, SmallFiles& files, base::ByteView contents,
                      std::uint32_t mode) {
  constexpr std::string_view kFresh = "global/pg_control.new";
  files.Write(kFresh, contents, mode);
  const base::Path from = plan.to / kFresh;
  const base::Path place = plan.to / kControlPath;
  if (std::rename(from.c_str(), place.c_str()) != 0) {
    throw base::SystemError(errno, fmt::format("cannot rename a file to {}", place.native()));
  }
  base::SyncDirectory(place.parent_path());
}

std::unique_ptr<Claim> ClaimPlaces(const RestorePlan& plan) {
  if (!plan.in_place) return std::make_unique<Claim>(plan.to, plan.tablespaces);
  return std::make_unique<Claim>(Claim::InPlace(plan.to, plan.tablespaces, plan.facts.system));
}

// For people, and for what must not believe the directory.
base::Bytes LossText(const RestorePlan& plan, const std::vector<LostContent>& lost) {
  std::string text =
      fmt::format("Restored from {} without what was lost:\n", plan.backup.id.ToString());
  for (const LostContent& content : lost) {
    text += content.path;
    text += content.pages.empty() ? " (all of it)\n" : " (pages of it)\n";
  }
  return base::ToBytes(text);
}

// What was not shown to be known is read: said, for it takes its time.
void TrustHistory(const RestorePlan& plan, KnownHistory history, const Claim& claim,
                  FileStage& files, std::vector<std::string>& warnings, base::Reporter& report) {
  if (history.changed && claim.taken_control() != history.control)
    history = {.why_not = "a server ran on it meanwhile"};
  if (history.changed) {
    files.Know(std::move(*history.changed));
    files.result().history_trusted = true;
    report.Note("the WAL tells what was changed since the backup: nothing else is read");
    return;
  }
  warnings.push_back(fmt::format("the history of {} is not known, all of it is read: {}",
                                 plan.to.native(), history.why_not));
}

}  // namespace

RestoreResult ExecuteRestore(const repo::Repository& repository, const RestorePlan& plan,
                             const RestoreOptions& options, base::Reporter& report,
                             const std::stop_token& stop) {
  const std::unique_ptr<repo::Lease> lease = PinBackup(repository, plan.backup, report);
  FileStage files(repository, plan, report, lease.get());
  files.ChooseOwner();
  std::vector<std::string> warnings;
  const bool trusts = plan.in_place && options.trust_history;
  // While nothing is changed yet: it may take a while, and fail.
  KnownHistory history =
      trusts ? FindKnownHistory(repository, plan, files.ControlBackedUp(), stop) : KnownHistory{};
  const std::unique_ptr<Claim> claim = AtDestination([&] { return ClaimPlaces(plan); });
  if (plan.in_place) {
    if (trusts) TrustHistory(plan, std::move(history), *claim, files, warnings, report);
    std::ranges::move(ClearOldCluster(repository, plan, report), std::back_inserter(warnings));
  }
  base::File manifest_file = AtDestination(
      [&] { return base::File::Open(plan.to / kManifestPath, O_WRONLY | O_CREAT | O_EXCL); });
  Manifest manifest(plan, [&](std::string_view text) {
    AtDestination([&] { manifest_file.Append(base::AsBytes(text)); });
  });

  report.BeginPhase(PhaseOf(plan), plan.bytes);
  files.Run(options.jobs, manifest, stop);
  report.EndPhase();

  const SetAside& aside = files.aside();
  DirectoryFiles small_files(plan, files.owner());
  RecoveryFiles recovery(plan, options, small_files);
  for (const WrittenFile& label : recovery.WriteLabels()) manifest.Add(label);
  if (!files.result().lost.empty())
    manifest.Add(small_files.Write(kLossMark, LossText(plan, files.result().lost), 0600));
  for (const repo::TreeEntry& config : aside.changed)
    manifest.Add(recovery.WriteConfig(config, files.ContentOf(config)));
  recovery.WriteWal(repository, stop);
  recovery.WriteSettings(aside.auto_conf ? files.ContentOf(*aside.auto_conf) : base::Bytes{});
  const repo::TreeEntry& control = aside.Control();
  const base::Bytes control_contents = files.ContentOf(control);
  report.Note("making every directory durable");
  AtDestination([&] {
    manifest.Add({.path = control.path,
                  .size = control.size,
                  .modified = control.modified,
                  .crc32c = pg::Crc32cOf(control_contents)});
    manifest.Finish();
    FinishManifest(manifest_file, files.owner());
    files.FinishDirectories();
    // Until here PostgreSQL cannot start on the directory.
    WriteControlFile(plan, small_files, control_contents, control.mode);
    claim->Finish();
  });
  RestoreResult result = std::move(files.result());
  result.files += aside.file_count();
  result.warnings = std::move(warnings);
  result.warnings.insert(result.warnings.end(), aside.warnings.begin(), aside.warnings.end());
  for (const std::string& warning : plan.others->Warnings()) result.warnings.push_back(warning);
  return result;
}

}  // namespace holdfast::restore
