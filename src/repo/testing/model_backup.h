// Whole backups of files in memory: written through Writer, read back through FrameReader, compared
// with what went in.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/testing/manual_clock.h"
#include "repo/frame_reader.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "repo/writer.h"
#include "storage/memory_storage.h"
#include "storage/testing/faulty_storage.h"

namespace holdfast::repo {

// What opens every TestRepository.
Unlock TestUnlock();

// A new repository in memory, reached through a storage that can be told to fail.
class TestRepository {
 public:
  TestRepository();
  // The same objects in a memory of their own.
  std::unique_ptr<TestRepository> Clone() const;
  // As if the storage was emptied and initialised anew; the packs stay.
  void ReplaceByAnother();

  base::ManualClock clock;
  std::shared_ptr<storage::MemoryStorage> memory;
  std::shared_ptr<storage::FaultyStorage> faulty;
  // Through `faulty`, and past it.
  Repository& repository() { return *repository_; }
  Repository& sound() { return *sound_; }

 private:
  explicit TestRepository(const TestRepository* origin);
  std::optional<Repository> repository_;
  std::optional<Repository> sound_;
};

// Files that have pages, and files that have not, by path.
struct Model {
  std::map<std::string, base::Bytes> paged;
  std::map<std::string, base::Bytes> plain;
  bool operator==(const Model&) const = default;
};

// Page `number` of version `version`; version 0 is an all-zero page.
base::Bytes ModelPage(std::uint32_t number, std::uint32_t version);

struct ModelBackup {
  Snapshot snapshot;
  WriterStats stats;
};

// Backs up as a pipeline does: unchanged files are taken over from the parent, of changed ones only
// the pages that differ are stored, and what lies in condemned packs is stored again.
struct ModelParent {
  Snapshot snapshot;
  Model model;
};
struct ModelOptions {
  std::string kind = "cluster";
  std::uint64_t pack_size = 48 * base::kKiB;  // 1: every frame of content has a pack of its own
};
ModelBackup WriteModel(const Repository& repository, const BackupId& id, const Model& model,
                       const std::optional<ModelParent>& parent = std::nullopt,
                       const ModelOptions& options = {});

Model ReadModel(const Repository& repository, const Snapshot& snapshot);

}  // namespace holdfast::repo
