// One thread of a backup: reads files, finds what changed, stores it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "backup/audit.h"
#include "backup/copy_job.h"
#include "backup/decay.h"
#include "backup/page_judge.h"
#include "backup/parent_losses.h"
#include "base/clock.h"
#include "base/reporter.h"
#include "catalog/changed_pages.h"
#include "pg/cluster_reader.h"
#include "repo/frame_reader.h"
#include "repo/writer.h"

namespace holdfast::backup {

struct CopyCounters {
  std::atomic<std::uint64_t> bytes_read = 0;
  std::atomic<std::uint64_t> bytes_source = 0;
  std::atomic<std::uint64_t> pages = 0;
  std::atomic<std::uint64_t> pages_stored = 0;
  std::atomic<std::uint64_t> files = 0;
};

// What all workers of a backup share.
struct CopyContext {
  pg::ClusterReader& cluster;
  repo::Writer& writer;
  repo::FrameReader& parent_frames;
  ParentLosses& losses;
  OlderPacks& older_packs;
  const repo::Keyring& keyring;
  PageJudge& judge;
  base::Clock& clock;
  base::Reporter& report;
  CopyCounters& counters;
  std::uint32_t blocks_per_segment = 0;  // of relation files
  // Null: everything is read.
  const catalog::ChangedPages* changed_pages = nullptr;
  // With `changed_pages` only: everything is read all the same, and what they miss is put here.
  Audit* audit = nullptr;
};

// Not thread-safe. Memory: one pack being built, one frame of pages, one frame of small files, 1
// MiB of what is read, and the maps of files whose pack is not finished.
class CopyWorker {
 public:
  explicit CopyWorker(const CopyContext& context);
  ~CopyWorker();

  void Copy(const CopyUnit& unit, const std::stop_token& stop);
  // Stores what is still buffered and delivers the files that waited for it.
  void Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::backup
