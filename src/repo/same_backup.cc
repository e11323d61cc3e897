#include "repo/same_backup.h"

namespace holdfast::repo {

bool SayTheSame(const SnapshotDraft& a, const SnapshotDraft& b) {
  return a.kind == b.kind && a.started == b.started && a.finished == b.finished && a.log == b.log &&
         a.tree.entry_count == b.tree.entry_count && a.tree.total_size == b.tree.total_size &&
         a.labels == b.labels && a.attributes == b.attributes;
}

}  // namespace holdfast::repo
