#include "replicate/backup_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/workers.h"
#include "replicate/pack_copy.h"
#include "replicate/pack_pairs.h"
#include "replicate/tree_copy.h"
#include "repo/pin.h"
#include "repo/writer.h"

namespace holdfast::replicate {

namespace {

repo::WriterOptions WriterOptionsFor(const BackupCopyContext& context, const repo::Snapshot& backup,
                                     const std::optional<SharedBackup>& shared) {
  repo::WriterOptions writer;
  writer.id = backup.id;
  if (shared) writer.parent = shared->to.id;
  writer.log_start = backup.facts.log;
  writer.pack_size = context.options.pack_size;
  writer.compression = context.options.compression;
  writer.in_place_of = context.in_place_of;
  writer.altered = context.altered;
  return writer;
}

// A retention that looks while the backup arrives must find it pinned.
void CopyPins(const repo::Repository& from, const repo::Repository& to, const repo::BackupId& id) {
  const repo::Pins ours = repo::ListPins(from.storage(), id.source);
  const auto found = ours.find(id);
  if (found == ours.end()) return;
  const repo::Pins theirs = repo::ListPins(to.storage(), id.source);
  const auto there = theirs.find(id);
  for (const repo::Pin& pin : found->second) {
    const bool has =
        there != theirs.end() &&
        std::ranges::find(there->second, pin.until, &repo::Pin::until) != there->second.end();
    if (!has) repo::PutPin(to.storage(), id, pin.until);
  }
}

void RequireLog(const repo::Repository& to, const repo::Snapshot& backup) {
  const auto& log = backup.facts.log;
  if (!log || HasLog(to, backup.id.source, *log)) return;
  throw base::Error(
      base::ErrorKind::kCorrupt,
      fmt::format("WAL that backup {} needs is not in the target repository", backup.id.ToString()),
      {fmt::format("is it where the backup is? holdfast wal status {}", backup.id.source)});
}

class Copying {
 public:
  Copying(const BackupCopyContext& context, const repo::Snapshot& backup,
          const std::optional<SharedBackup>& shared)
      : context_(context),
        backup_(backup),
        shared_(shared),
        from_frames_(context.from),
        to_frames_(context.to),
        sides_{.from = context.from,
               .to = context.to,
               .from_frames = from_frames_,
               .to_frames = to_frames_,
               .keep_alive =
                   [this] {
                     writer_.KeepAlive();
                     context_.keep_alive();
                   }},
        writer_(context.to, WriterOptionsFor(context, backup, shared)),
        pairs_(from_frames_, to_frames_, writer_) {}

  CopiedBackup Run(const std::stop_token& stop) {
    const repo::TreeRoot& tree = backup_.facts.tree;
    const std::vector<repo::PackId> packs =
        PacksToCopy(sides_, context_.notes, pairs_, tree, shared_, stop);
    CopyPacks(packs, stop);
    repo::SnapshotDraft draft = backup_.facts;
    draft.tree = CopyTree(sides_, writer_, pairs_, tree, shared_, stop);
    base::ThrowIfStopped(stop);
    RequireLog(context_.to, backup_);
    if (!context_.in_place_of) CopyPins(context_.from, context_.to, backup_.id);
    repo::Snapshot snapshot = writer_.Commit(std::move(draft));
    return {.snapshot = std::move(snapshot),
            .packs = packs.size(),
            .bytes_stored = writer_.stats().bytes_stored};
  }

 private:
  void CopyPacks(const std::vector<repo::PackId>& packs, const std::stop_token& stop) {
    std::uint64_t bytes = 0;
    for (const repo::PackId& pack : packs) bytes += StoredSize(*from_frames_.Footer(pack));
    context_.report.BeginPhase(fmt::format("copying {}", backup_.id.ToString()), bytes);
    std::atomic<std::size_t> next = 0;
    base::Workers workers(stop);
    for (int i = 0; i < context_.options.jobs; ++i) {
      workers.Start([&](const std::stop_token& token) {
        for (std::size_t at = next++; at < packs.size() && !token.stop_requested(); at = next++) {
          CopyOne(packs[at]);
        }
      });
    }
    workers.Join();
    base::ThrowIfStopped(stop);
    context_.report.EndPhase();
  }

  void CopyOne(const repo::PackId& pack) {
    const repo::PackId copy = CopyPack(sides_, writer_, pack,
                                       {.compression = context_.options.compression,
                                        .most_bytes = context_.options.most_pack_bytes});
    pairs_.Add(pack, copy);
    context_.notes.Add(pack, copy);
    context_.report.Advance(StoredSize(*from_frames_.Footer(pack)));
    sides_.keep_alive();
  }

  const BackupCopyContext& context_;
  const repo::Snapshot& backup_;
  const std::optional<SharedBackup>& shared_;
  repo::FrameReader from_frames_;
  repo::FrameReader to_frames_;
  const Sides sides_;
  repo::Writer writer_;
  PackPairs pairs_;
};

}  // namespace

CopiedBackup CopyBackup(const BackupCopyContext& context, const repo::Snapshot& backup,
                        const std::optional<SharedBackup>& shared, const std::stop_token& stop) {
  return Copying(context, backup, shared).Run(stop);
}

}  // namespace holdfast::replicate
