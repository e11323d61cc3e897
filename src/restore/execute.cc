#include <fcntl.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "base/synchronized.h"
#include "base/workers.h"
#include "pg/backup_manifest.h"
#include "pg/version.h"
#include "repo/lease.h"
#include "restore/claim.h"
#include "restore/destination.h"
#include "restore/file_writer.h"
#include "restore/other_copies.h"
#include "restore/owner.h"
#include "restore/recovery_files.h"
#include "restore/restore.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

// Each unit holds an open file; enough of them to keep the workers busy.
constexpr std::uint64_t kQueuedUnits = 64;
// Small files, of which a cluster has thousands, lie close together in packs: a request for many.
constexpr std::uint64_t kSurroundingsBytes = 16 * base::kMiB;

// It is written again for the recovery, and PostgreSQL's own tools leave it out of the comparison.
constexpr std::string_view kAutoConfPath = "postgresql.auto.conf";

// backup_manifest as it grows: one thread at a time.
class Manifest {
 public:
  explicit Manifest(const RestorePlan& plan)
      : plan_(plan),
        file_(base::File::Open(plan.to / "backup_manifest", O_WRONLY | O_CREAT | O_EXCL)),
        writer_(pg::MajorVersion::FromServerVersionNumber(
                    static_cast<std::uint32_t>(plan.facts.server_version)),
                plan.facts.system,
                [this](std::string_view text) { file_.Append(base::AsBytes(text)); }) {}

  void Add(const WrittenFile& file) {
    if (file.path == kAutoConfPath) return;
    writer_.Add({.path = file.path,
                 .size = file.size,
                 .last_modified = file.modified,
                 .crc32c = file.crc32c});
  }

  void Finish(const std::optional<Owner>& owner) {
    const pg::ManifestWalRange range{.timeline = plan_.facts.timeline,
                                     .start = plan_.facts.start_lsn,
                                     .end = plan_.facts.stop_lsn};
    writer_.Finish({&range, 1});
    file_.Sync();
    SetOwnerAndMode(file_.path(), owner, 0600);
    file_.Close();
  }

 private:
  const RestorePlan& plan_;
  base::File file_;
  pg::BackupManifestWriter writer_;
};

struct WriteUnit {
  std::shared_ptr<RestoredFile> file;
  std::size_t part = 0;
};

// Writes every file of the backup's tree but those that are written at the end.
class FileStage {
 public:
  FileStage(const repo::Repository& repository, const RestorePlan& plan, base::Reporter& report,
            repo::Lease* lease)
      : plan_(plan),
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
      Dispatch(token);
      queue_.Close();
    });
    workers.Join();
    base::ThrowIfStopped(stop);
  }

  const std::optional<Owner>& owner() const { return owner_; }
  RestoreResult& result() { return result_; }

  // Directories last: their modes may forbid writing, and their entries must be complete.
  void FinishDirectories() {
    for (auto directory = directories_.rbegin(); directory != directories_.rend(); ++directory) {
      SetOwnerAndMode(directory->path, owner_, directory->mode);
      base::SyncDirectory(directory->path);
    }
    SetOwnerAndMode(plan_.to, owner_, data_directory_mode_);
    base::SyncDirectory(plan_.to);
  }

  // postgresql.conf, when it has to be changed.
  const std::optional<repo::TreeEntry>& config() const { return config_; }
  repo::TreeEntry TakeControl() {
    if (!control_)
      throw base::Error(base::ErrorKind::kCorrupt, "the backup holds no global/pg_control");
    return std::move(*control_);
  }
  base::Bytes ContentOf(const repo::TreeEntry& entry) { return pieces_.Content(entry); }

 private:
  struct Directory {
    base::Path path;
    std::uint32_t mode;
  };

  void Dispatch(const std::stop_token& stop) {
    repo::TreeReader tree(frames_, plan_.backup.facts.tree);
    while (auto entry = tree.Next()) {
      if (stop.stop_requested()) return;
      if (entry->type == repo::FileType::kDirectory) {
        AtDestination([&] { MakeDirectory(*entry); });
      } else if (entry->type == repo::FileType::kSymlink) {
        AtDestination([&] { MakeLink(*entry); });
      } else if (entry->path == kControlPath) {
        control_ = std::move(entry);
      } else if (entry->path == kConfigPath && !plan_.config.other_data_directory.empty()) {
        config_ = std::move(entry);
      } else if (!Enqueue(std::move(*entry))) {
        return;  // a worker failed; Join tells why
      }
    }
  }

  bool Enqueue(repo::TreeEntry entry) {
    const base::Path place = plan_.to / entry.path;
    auto file = std::make_shared<RestoredFile>(std::move(entry), place, owner_);
    file->Create();
    for (std::size_t part = 0; part < file->part_count(); ++part) {
      if (!queue_.Push({.file = file, .part = part}, 1)) return false;
    }
    return true;
  }

  void Write(const WriteUnit& unit, Manifest& manifest, const std::stop_token& stop) {
    std::uint64_t bytes = 0;
    pieces_.Read(unit.file->entry(), [&](const PieceSource& source) {
      bytes = unit.file->WritePart(unit.part, source, stop);
    });
    report_.Advance(bytes);
    if (lease_ != nullptr) lease_->KeepAlive();
    plan_.others->KeepAlive();
    if (!unit.file->PartDone()) return;
    const WrittenFile file = unit.file->Complete();
    const std::scoped_lock lock(mutex_);
    AtDestination([&] { manifest.Add(file); });
    ++result_.files;
    result_.bytes_written += file.size;
  }

  void MakeDirectory(const repo::TreeEntry& entry) {
    if (entry.path.empty()) {
      data_directory_mode_ = entry.mode;
      return;
    }
    const base::Path place = plan_.to / entry.path;
    base::MakeDirectories(place);
    directories_.push_back({.path = place, .mode = entry.mode});
  }

  // Links are tablespaces, which go where the plan says; a linked pg_wal becomes a directory.
  void MakeLink(const repo::TreeEntry& entry) {
    constexpr std::string_view kTablespaces = "pg_tblspc/";
    if (entry.path.starts_with(kTablespaces)) {
      const auto oid = static_cast<pg::Oid>(std::stoul(entry.path.substr(kTablespaces.size())));
      const base::Path& target = plan_.tablespaces.at(oid);
      fs::create_directory_symlink(target, plan_.to / entry.path);
      directories_.push_back({.path = target, .mode = 0700});
      return;
    }
    base::MakeDirectories(plan_.to / entry.path);
    directories_.push_back({.path = plan_.to / entry.path, .mode = 0700});
    result_.warnings.push_back(
        fmt::format("{} was a link to {} on the source: here it is a directory", entry.path,
                    entry.link_target));
  }

  const RestorePlan& plan_;
  base::Reporter& report_;
  repo::Lease* lease_;  // may be null
  repo::FrameReader frames_;
  PieceReader pieces_;
  std::optional<Owner> owner_;
  base::BoundedQueue<WriteUnit> queue_{kQueuedUnits};
  std::vector<Directory> directories_;
  std::uint32_t data_directory_mode_ = 0700;
  std::optional<repo::TreeEntry> control_;
  std::optional<repo::TreeEntry> config_;
  std::mutex mutex_;  // guards result_ and the manifest while workers run
  RestoreResult result_;
};

// After the lease was put: from then on, prune spares it. Before, it may have begun to delete it.
void CheckListed(storage::Storage& storage, const repo::BackupId& backup) {
  if (storage.Stat(repo::SnapshotObject(backup)) && !storage.Stat(repo::TombstoneObject(backup)))
    return;
  throw base::Error(base::ErrorKind::kConflict,
                    fmt::format("backup {} was forgotten by another meanwhile", backup.ToString()),
                    {"see which there are: holdfast list " + backup.source});
}

// A repository that cannot be written to (read-only media, credentials that only read) must still
// restore.
std::unique_ptr<repo::Lease> PinBackup(const repo::Repository& repository, const RestorePlan& plan,
                                       base::Reporter& report) {
  try {
    return std::make_unique<repo::Lease>(
        repository, repo::LeaseDraft{
                        .kind = "restore", .pins = {plan.backup.id}, .log = plan.backup.facts.log});
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kDenied && error.kind() != base::ErrorKind::kUnavailable)
      throw;
    report.Warn(
        fmt::format("the repository cannot be written to, so nothing keeps a prune from deleting "
                    "this backup meanwhile: {}",
                    error.message()));
    return nullptr;
  }
}

}  // namespace

RestoreResult ExecuteRestore(const repo::Repository& repository, const RestorePlan& plan,
                             const RestoreOptions& options, base::Reporter& report,
                             const std::stop_token& stop) {
  const std::unique_ptr<repo::Lease> lease = PinBackup(repository, plan, report);
  CheckListed(repository.storage(), plan.backup.id);
  FileStage files(repository, plan, report, lease.get());
  files.ChooseOwner();
  const auto claim =
      AtDestination([&] { return std::make_unique<Claim>(plan.to, plan.tablespaces); });
  const auto manifest = AtDestination([&] { return std::make_unique<Manifest>(plan); });

  report.BeginPhase("restoring", plan.bytes);
  files.Run(options.jobs, *manifest, stop);
  report.EndPhase();

  RecoveryFiles recovery(plan, options, files.owner());
  for (const WrittenFile& label : recovery.WriteLabels()) manifest->Add(label);
  if (const auto& config = files.config())
    manifest->Add(recovery.WriteConfig(files.ContentOf(*config), config->mode));
  recovery.WriteWal(repository, stop);
  recovery.WriteSettings();
  const repo::TreeEntry control = files.TakeControl();
  const base::Bytes control_contents = files.ContentOf(control);
  report.Note("making every directory durable");
  AtDestination([&] {
    manifest->Add({.path = control.path,
                   .size = control.size,
                   .modified = control.modified,
                   .crc32c = pg::Crc32cOf(control_contents)});
    manifest->Finish(files.owner());
    files.FinishDirectories();
    // Until here PostgreSQL cannot start on the directory.
    recovery.WriteControlFile(control_contents, control.mode);
    claim->Finish();
  });
  for (const std::string& warning : plan.others->Warnings())
    files.result().warnings.push_back(warning);
  return std::move(files.result());
}

}  // namespace holdfast::restore
