// One file on its way from the cluster into the backup.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "backup/tree_assembler.h"
#include "base/synchronized.h"
#include "pg/cluster_files.h"
#include "pg/cluster_reader.h"
#include "repo/pack.h"
#include "repo/tree.h"

namespace holdfast::backup {

inline constexpr std::uint64_t kPartBytes = std::uint64_t{repo::kPagesPerMap} * repo::kPageSize;

// What was read of one map's worth (64 MiB) of a paged file.
struct PartResult {
  repo::PagedContent::Part part;
  // Of the file. Only a file's last part may be short: an earlier one is padded with zero pages
  // when the file was truncated while it was read, and WAL replay does the rest.
  std::uint64_t bytes = 0;
};

// Workers deliver the parts of a file in any order; the last one puts the file into the tree.
// Thread-safe.
class FileJob {
 public:
  FileJob(pg::ClusterEntry entry, pg::ClusterPath kind, std::optional<repo::TreeEntry> parent,
          TreeAssembler& assembler);

  const pg::ClusterEntry& entry() const { return entry_; }
  const pg::ClusterPath& kind() const { return kind_; }
  // The same path in the backup that this one is compared with.
  const std::optional<repo::TreeEntry>& parent() const { return parent_; }
  bool paged() const { return kind_.role == pg::FileRole::kRelation; }
  std::size_t part_count() const { return part_count_; }
  // The parent's map of a part, when it was stored in pages as well.
  const repo::PagedContent::Part* ParentPart(std::size_t part) const;

  // The file vanished while it was read. Error(kCorrupt) when the cluster is not whole without it.
  void Vanished();
  void DeliverPart(std::size_t part, PartResult result);
  void DeliverWhole(std::uint64_t size, repo::Content content,
                    const std::array<std::uint8_t, 16>& digest);

 private:
  struct Parts {
    std::vector<std::optional<PartResult>> results;
    std::size_t missing = 0;
    bool vanished = false;
  };
  repo::TreeEntry NewEntry() const;
  repo::TreeEntry JoinParts(Parts& parts) const;

  const pg::ClusterEntry entry_;
  const pg::ClusterPath kind_;
  const std::optional<repo::TreeEntry> parent_;
  const std::size_t part_count_;
  TreeAssembler& assembler_;
  const TreeAssembler::Slot slot_;
  base::Synchronized<Parts> parts_;
};

// What a worker takes from the queue.
struct CopyUnit {
  std::shared_ptr<FileJob> job;
  std::size_t part = 0;
};

}  // namespace holdfast::backup
