#include "backup/copy_stage.h"

#include <optional>
#include <utility>

#include "backup/parent_pages.h"
#include "base/bounded_queue.h"
#include "base/error.h"
#include "base/workers.h"
#include "repo/file_digest.h"
#include "repo/parent_tree.h"

namespace holdfast::backup {

namespace {

// Units hold the parent's maps; a few MiB of them keep every worker busy.
constexpr std::uint64_t kQueueBytes = 4 * base::kMiB;
constexpr std::uint64_t kUnitBytes = 4 * base::kKiB;

// Walks the parent's tree beside the new listing: both are in order of path. What of it is lost or
// damaged is passed by, so that its files count as new.
class ParentEntries {
 public:
  ParentEntries(repo::FrameReader& frames, const std::optional<repo::TreeRoot>& root,
                ParentLosses& losses) {
    if (!root) return;
    reader_.emplace(frames, *root,
                    [&losses](const repo::FrameRef& frame, const base::Error& error) {
                      losses.Add(frame.pack, error.message());
                    });
    next_ = reader_->Next();
  }
  std::optional<repo::TreeEntry> Take(const std::string& path) {
    while (next_ && next_->path < path) next_ = reader_->Next();
    if (!next_ || next_->path != path) return std::nullopt;
    return std::exchange(next_, reader_->Next());
  }

 private:
  std::optional<repo::TreeReader> reader_;
  std::optional<repo::TreeEntry> next_;
};

repo::TreeEntry WithoutContent(const pg::ClusterEntry& entry) {
  repo::TreeEntry record;
  record.path = entry.path;
  record.type = entry.type == pg::ClusterEntry::Type::kSymlink ? repo::FileType::kSymlink
                                                               : repo::FileType::kDirectory;
  record.mode = entry.mode;
  record.uid = entry.uid;
  record.gid = entry.gid;
  record.modified = entry.modified;
  record.link_target = entry.link_target;
  return record;
}

class Stage {
 public:
  Stage(const CopyContext& context, const CopyStageOptions& options)
      : context_(context),
        options_(options),
        tree_packs_(context.writer, context.parent_frames, context.losses, context.older_packs),
        tree_(context.writer.meta(), ParentOf(options)),
        assembler_(tree_) {}

  repo::TreeRoot Run(const std::vector<pg::ClusterEntry>& entries,
                     const std::function<base::Bytes()>& read_control,
                     const std::stop_token& stop) {
    base::Workers workers(stop);
    workers.OnFailure([this] { queue_.Abort(); });
    for (int i = 0; i < options_.jobs; ++i) {
      workers.Start([this](const std::stop_token& token) { Work(token); });
    }
    // Dispatching may fail as well, and must then release the workers: it is one of them.
    workers.Start([&](const std::stop_token& token) {
      Dispatch(entries, token);
      queue_.Close();
    });
    workers.Join();
    base::ThrowIfStopped(stop);
    DeliverControl(read_control());
    assembler_.Finish();
    return tree_.Finish();
  }

 private:
  repo::ParentTree* ParentOf(const CopyStageOptions& options) {
    if (!options.parent_tree) return nullptr;
    return &parent_tree_.emplace(
        context_.parent_frames, *options.parent_tree,
        [this](const repo::PackId& pack) { return tree_packs_.Use(pack); });
  }

  void Dispatch(const std::vector<pg::ClusterEntry>& entries, const std::stop_token& stop) {
    ParentEntries parent(context_.parent_frames, options_.parent_tree, context_.losses);
    for (const pg::ClusterEntry& entry : entries) {
      if (stop.stop_requested()) return;
      std::optional<repo::TreeEntry> before = parent.Take(entry.path);
      if (entry.type != pg::ClusterEntry::Type::kFile) {
        assembler_.Deliver(assembler_.Reserve(), WithoutContent(entry));
        continue;
      }
      const pg::ClusterPath kind =
          pg::ClassifyFile(entry.path, options_.tablespace_version_directory);
      const bool is_control = kind.role == pg::FileRole::kControl;
      auto job = std::make_shared<FileJob>(entry, kind, std::move(before), assembler_);
      if (is_control) {
        control_ = std::move(job);
      } else if (!Enqueue(job)) {
        return;  // a worker failed; Join tells why
      }
    }
  }

  bool Enqueue(const std::shared_ptr<FileJob>& job) {
    for (std::size_t part = 0; part < job->part_count(); ++part) {
      if (!queue_.Push({.job = job, .part = part}, kUnitBytes)) return false;
    }
    return true;
  }

  void Work(const std::stop_token& stop) {
    CopyWorker worker(context_);
    while (const std::optional<CopyUnit> unit = queue_.Pop()) worker.Copy(*unit, stop);
    base::ThrowIfStopped(stop);
    worker.Finish();
  }

  void DeliverControl(const base::Bytes& control) {
    if (!control_) {
      throw base::Error(base::ErrorKind::kCorrupt, "global/pg_control was not found in the cluster",
                        {"is the data directory that of a PostgreSQL cluster?"});
    }
    ++context_.counters.files;
    context_.counters.bytes_source += control.size();
    // It holds no user data, so it goes beside the tree: a pack of its own would cost every backup
    // an object.
    const repo::FrameRef frame = context_.writer.meta().Append(repo::FrameKind::kBytes, control);
    repo::ExtentContent content;
    content.extents.push_back(
        {.frame = frame, .offset = 0, .length = static_cast<std::uint32_t>(control.size())});
    control_->DeliverWhole(control.size(), std::move(content),
                           repo::DigestOf(context_.keyring, control));
  }

  const CopyContext& context_;
  const CopyStageOptions& options_;
  // Of the thread that adds to the tree: one at a time.
  ReusablePacks tree_packs_;
  std::optional<repo::ParentTree> parent_tree_;
  repo::TreeWriter tree_;
  TreeAssembler assembler_;
  base::BoundedQueue<CopyUnit> queue_{kQueueBytes};
  std::shared_ptr<FileJob> control_;
};

}  // namespace

repo::TreeRoot CopyCluster(const CopyContext& context, const std::vector<pg::ClusterEntry>& entries,
                           const CopyStageOptions& options,
                           const std::function<base::Bytes()>& read_control,
                           const std::stop_token& stop) {
  return Stage(context, options).Run(entries, read_control, stop);
}

}  // namespace holdfast::backup
