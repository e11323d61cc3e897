// Files of a backup on their way into an archive: read ahead by several threads, written in order
// by one.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bounded_queue.h"
#include "base/reporter.h"
#include "repo/lease.h"
#include "repo/repository.h"
#include "restore/archive_writer.h"
#include "restore/manifest.h"
#include "restore/other_copies.h"
#include "restore/owner.h"
#include "restore/restore.h"
#include "restore/small_files.h"
#include "restore/tree_walk.h"

namespace holdfast::restore {

// Whole files, as everything else in the archive: with one owner.
class ArchiveFiles final : public SmallFiles {
 public:
  ArchiveFiles(ArchiveWriter& writer, Owner owner, base::Time modified)
      : writer_(writer), owner_(owner), modified_(modified) {}

  WrittenFile Write(std::string_view path, base::ByteView contents, std::uint32_t mode) override;
  // `modified` absent: the time given above.
  void Begin(const repo::TreeEntry& entry);

 private:
  ArchiveWriter& writer_;
  const Owner owner_;
  const base::Time modified_;
};

class ArchiveStage final : public TreeSink {
 public:
  // `jobs` threads read; what they have read and nobody has written yet is bounded.
  ArchiveStage(const repo::Repository& repository, repo::FrameReader& frames, OtherCopies& others,
               int jobs, base::Reporter& report, repo::Lease* lease);

  // Writes every file of the plan's backup but those set aside.
  SetAside Run(const RestorePlan& plan, ArchiveFiles& files, ArchiveWriter& writer,
               Manifest& manifest, const std::stop_token& stop);

  std::uint64_t file_count() const { return file_count_; }
  std::uint64_t bytes() const { return bytes_; }

  void AddDirectory(const repo::TreeEntry& directory) override;
  void AddTablespace(const repo::TreeEntry& link, pg::Oid oid) override;
  bool AddFile(repo::TreeEntry entry) override;

 private:
  using ReadTask = std::packaged_task<base::Bytes(const std::stop_token&)>;
  // The next thing to be written: an entry begins, or some of its content, or both.
  struct Item {
    std::shared_ptr<const repo::TreeEntry> entry;
    bool begins = false;
    bool ends = false;
    std::optional<std::future<base::Bytes>> content{};  // absent: the writer reads the whole
  };

  bool Push(Item item, std::uint64_t bytes);
  bool PushRead(Item item, std::uint64_t bytes, ReadTask task);
  bool AddPages(const std::shared_ptr<const repo::TreeEntry>& entry);
  void WriteAll(const std::stop_token& stop);
  void WriteItem(Item& item);
  void WriteUnread(const repo::TreeEntry& entry);
  void Append(const repo::TreeEntry& entry, base::ByteView bytes);
  void End(const repo::TreeEntry& entry);

  const repo::Repository& repository_;
  repo::FrameReader& frames_;
  OtherCopies& others_;
  PieceReader pieces_;
  const int jobs_;
  base::Reporter& report_;
  repo::Lease* const lease_;  // may be null
  ArchiveFiles* files_ = nullptr;
  ArchiveWriter* writer_ = nullptr;
  Manifest* manifest_ = nullptr;
  base::BoundedQueue<Item> items_;
  base::BoundedQueue<ReadTask> tasks_;
  pg::Crc32c crc_;  // of the file that is being written
  std::uint64_t position_ = 0;
  std::uint64_t file_count_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::restore
