#include <fcntl.h>

#include <optional>
#include <utility>

#include "restore/archive_stage.h"
#include "restore/archive_writer.h"
#include "restore/claim.h"
#include "restore/destination.h"
#include "restore/encrypted_7z.h"
#include "restore/export.h"
#include "restore/manifest.h"
#include "restore/other_copies.h"
#include "restore/pin_backup.h"
#include "restore/recovery_files.h"
#include "restore/unfinished_file.h"

namespace holdfast::restore {

namespace {

constexpr std::uint64_t kSurroundingsBytes = 16 * base::kMiB;
constexpr std::uint32_t kFileMode = 0600;

RestoreOptions AsRestore(const RestorePlan& plan, const ExportOptions& options) {
  RestoreOptions restoring;
  restoring.source = plan.backup.id.source;
  restoring.to = options.to;
  restoring.jobs = options.jobs;
  return restoring;
}

ExportResult IntoDirectory(const repo::Repository& repository, const RestorePlan& plan,
                           const ExportOptions& options, base::Reporter& report,
                           const std::stop_token& stop) {
  RestoreResult restored = ExecuteRestore(repository, plan, AsRestore(plan, options), report, stop);
  return {.files = restored.files,
          .bytes = restored.bytes_written,
          .written = restored.bytes_written,
          .warnings = std::move(restored.warnings)};
}

// One archive, from its first byte to its last.
class ArchiveExport {
 public:
  ArchiveExport(const repo::Repository& repository, const RestorePlan& plan,
                const ExportOptions& options, base::Reporter& report)
      : repository_(repository),
        plan_(plan),
        options_(options),
        report_(report),
        frames_(repository, {.surroundings_cache_bytes = kSurroundingsBytes}),
        pieces_(repository, frames_, *plan.others) {}

  ExportResult Run(ExportFormat format, const ArchiveWriter::Output& output, repo::Lease* lease,
                   const std::stop_token& stop) {
    std::uint64_t written = 0;
    ArchiveWriter writer(format, options_.to.parent_path(), [&](base::ByteView bytes) {
      AtDestination([&] { output(bytes); });
      written += bytes.size();
    });
    ExportResult result = WriteAll(writer, lease, stop);
    result.written = written;
    return result;
  }

 private:
  ExportResult WriteAll(ArchiveWriter& writer, repo::Lease* lease, const std::stop_token& stop) {
    repo::TreeReader tree(frames_, plan_.backup.facts.tree);
    const Owner owner = OwnerInArchive(tree.Find("PG_VERSION"));
    ArchiveFiles files(writer, owner, plan_.facts.stop_time);
    RecoveryFiles recovery(plan_, AsRestore(plan_, options_), files);
    std::string manifest_text;
    Manifest manifest(plan_, [&](std::string_view text) { manifest_text += text; });

    BeginRoot(files, tree.Find(""));
    for (const WrittenFile& label : recovery.WriteLabels()) manifest.Add(label);
    ArchiveStage stage(repository_, frames_, *plan_.others, options_.jobs, report_, lease);
    report_.BeginPhase("exporting", plan_.bytes);
    const SetAside aside = stage.Run(plan_, files, writer, manifest, stop);
    report_.EndPhase();

    for (const repo::TreeEntry& config : aside.changed)
      manifest.Add(recovery.WriteConfig(config, pieces_.Content(config)));
    recovery.WriteSettings(aside.auto_conf ? pieces_.Content(*aside.auto_conf) : base::Bytes{});
    recovery.WriteWal(repository_, stop);
    const repo::TreeEntry& control = aside.Control();
    const base::Bytes contents = pieces_.Content(control);
    manifest.Add({.path = control.path,
                  .size = control.size,
                  .modified = control.modified,
                  .crc32c = pg::Crc32cOf(contents)});
    manifest.Finish();
    files.Write(kManifestPath, base::AsBytes(manifest_text), kFileMode);
    // Last: without it nobody starts a server on what was unpacked.
    files.Write(kControlPath, contents, control.mode);
    writer.Finish();
    ExportResult result{.files = stage.file_count() + aside.file_count(),
                        .bytes = stage.bytes(),
                        .warnings = aside.warnings};
    for (const std::string& warning : plan_.others->Warnings()) result.warnings.push_back(warning);
    return result;
  }

  void BeginRoot(ArchiveFiles& files, std::optional<repo::TreeEntry> root) {
    if (!root) root.emplace().modified = plan_.facts.stop_time;
    root->type = repo::FileType::kDirectory;
    if (root->mode == 0) root->mode = 0700;
    files.Begin(*root);
  }

  const repo::Repository& repository_;
  const RestorePlan& plan_;
  const ExportOptions& options_;
  base::Reporter& report_;
  repo::FrameReader frames_;
  PieceReader pieces_;
};

// A tar, through another program.
ExportResult Encrypted(ArchiveExport& archive, const RestorePlan& plan,
                       const ExportOptions& options, repo::Lease* lease,
                       const std::stop_token& stop) {
  UnfinishedFile file = AtDestination([&] { return UnfinishedFile::ForAnother(options.to); });
  Encrypted7z encrypted = AtDestination([&] {
    return Encrypted7z(file.place(), plan.backup.id.source + ".tar", options.passphrase);
  });
  ExportResult result = archive.Run(
      ExportFormat::kTar, [&](base::ByteView bytes) { encrypted.Write(bytes); }, lease, stop);
  AtDestination([&] {
    encrypted.Finish();
    result.written = base::File::Open(file.place(), O_RDONLY).Size();
    file.Publish();
  });
  return result;
}

}  // namespace

ExportResult ExecuteExport(const repo::Repository& repository, const RestorePlan& plan,
                           const ExportOptions& options, base::File* stream, base::Reporter& report,
                           const std::stop_token& stop) {
  if (options.format == ExportFormat::kDirectory)
    return IntoDirectory(repository, plan, options, report, stop);
  const std::unique_ptr<repo::Lease> lease = PinBackup(repository, plan.backup, report);
  ArchiveExport archive(repository, plan, options, report);
  if (!options.passphrase.empty()) return Encrypted(archive, plan, options, lease.get(), stop);
  std::optional<UnfinishedFile> file;
  if (stream == nullptr) AtDestination([&] { stream = &file.emplace(options.to).file(); });
  ExportResult result = archive.Run(
      options.format, [&](base::ByteView bytes) { stream->Append(bytes); }, lease.get(), stop);
  if (file) AtDestination([&] { file->Publish(); });
  return result;
}

}  // namespace holdfast::restore
