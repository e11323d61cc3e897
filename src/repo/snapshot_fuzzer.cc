// First byte: what the rest is. Anything but a clean answer, Error(kCorrupt), or Error(kUsage) for
// a newer format is a failure.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repo/condemned.h"
#include "repo/snapshot_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size == 0) return 0;
  const base::ByteView input(data + 1, size - 1);
  const repo::BackupId id{.source = "shop", .name = "20261121T070003Z-4f2a"};
  try {
    switch (data[0] % 4) {
      case 0: {
        const repo::SnapshotHeadOrNeed parsed = repo::ParseSnapshotHead(id, input);
        if (parsed.head ? parsed.head->sealed_end > input.size() : parsed.need <= input.size()) {
          std::abort();
        }
        (void)repo::ParsePackList(id, input);
        break;
      }
      case 1: {
        repo::Snapshot snapshot;
        repo::ParseSnapshotBody(base::AsText(input), snapshot);
        repo::Snapshot again;
        repo::ParseSnapshotBody(repo::FormatSnapshotBody(snapshot), again);
        if (again.sequence != snapshot.sequence ||
            again.facts.tree.index_frames != snapshot.facts.tree.index_frames) {
          std::abort();
        }
        break;
      }
      case 2:
        (void)repo::ParseCondemnedList("prune/x", input);
        break;
      default:
        (void)repo::ParseExecutedMark("prune/x.done", input);
    }
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt && error.kind() != base::ErrorKind::kUsage) {
      std::abort();
    }
  }
  return 0;
}
