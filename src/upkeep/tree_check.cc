#include "upkeep/tree_check.h"

#include <optional>
#include <string>

#include "base/error.h"
#include "base/workers.h"
#include "repo/tree.h"

namespace holdfast::upkeep {

namespace {

void BlameRecord(const FileCheckContext& context, const repo::BackupId& backup,
                 const base::Error& error) {
  const std::string object = repo::SnapshotObject(backup);
  context.log.Add(object, error.message());
  context.log.AddHit(object, {.backup = backup.ToString()});
}

}  // namespace

std::set<repo::ShortPackId> CheckTree(const FileCheckContext& context, const repo::Snapshot& backup,
                                      const std::stop_token& stop) {
  std::set<repo::ShortPackId> hit;
  std::set<repo::PackId> hit_by_tree;
  const auto on_damage = [&](const repo::FrameRef& frame, const base::Error& error) {
    if (frame.pack.IsSelf()) return BlameRecord(context, backup.id, error);
    BlameFrame(context, frame, error);
    if (!hit_by_tree.insert(frame.pack).second) return;
    context.log.AddPackHit(frame.pack, {.backup = backup.id.ToString()});
    hit.insert(repo::ShortPackId::Of(frame.pack));
  };
  repo::TreeReader tree(context.frames, backup.facts.tree, on_damage);
  while (const std::optional<repo::TreeEntry> entry = tree.Next()) {
    base::ThrowIfStopped(stop);
    for (const repo::PackId& pack : CheckFile(context, backup.id, *entry)) {
      hit.insert(repo::ShortPackId::Of(pack));
    }
  }
  return hit;
}

}  // namespace holdfast::upkeep
