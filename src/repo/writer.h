// Writing one backup: lease, packs, maps, tree, the commit-time check, the snapshot
// (docs/format/protocol.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "codec/compress.h"
#include "codec/hash.h"
#include "repo/ids.h"
#include "repo/pack.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "repo/tree.h"

namespace holdfast::repo {

// The record of a backup that is damaged, and that gives way to the same backup made whole.
struct ReplacedRecord {
  codec::Digest object{};  // SHA-256 of what lies there
  // Where the record still opens: its place among the backups stays what it is.
  std::optional<std::uint64_t> sequence{};
  std::optional<codec::Digest> previous{};
};

struct WriterOptions {
  BackupId id;
  std::optional<BackupId> parent;     // pinned by the lease
  std::optional<LogRange> log_start;  // pinned by the lease: its start is what matters
  std::uint64_t pack_size = 32 * base::kMiB;
  codec::CompressionOptions compression{};
  std::optional<ReplacedRecord> in_place_of{};  // removed by Commit, after its check
  std::set<ShortPackId> altered{};              // count as marked, whether they are or not
};

struct WriterStats {
  std::uint64_t bytes_stored = 0;  // of packs put by this writer
  std::uint64_t packs = 0;
};

// The names of packs: provisional while they are being built, final once put. Thread-safe.
class PackNames {
 public:
  PackNames();
  PackId NewProvisional();
  void Bind(const PackId& provisional, const PackId& final_id);
  // The final id; empty while the pack is being built. Ids that are not provisional are final.
  std::optional<PackId> Resolve(const PackId& id) const;
  // The final id; Error(kInternal) while the pack is being built.
  PackId Named(const PackId& id) const;
  // Replaces every provisional id; Error(kInternal) when one is still being built.
  void Name(PageMap& map) const;
  void Name(ExtentContent& content) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

class Writer;

// Appends content to data packs and puts each pack when it is full. One per thread.
class DataWriter {
 public:
  explicit DataWriter(Writer& writer);
  ~DataWriter();
  // 1 to kPagesPerFrame pages with their hashes. The place's pack id is provisional until the pack
  // is put.
  FrameRef AppendPages(base::ByteView pages, std::span<const std::uint64_t> hashes);
  FrameRef AppendBytes(base::ByteView bytes);  // at most kMaxFrameSize
  // What the next Append of either kind will return: known because a full pack is put at the end of
  // an Append, never at the start of one. Lets page maps be built while a frame is still being
  // filled.
  FrameRef NextFrame() const;
  // Puts the pack begun, if any.
  void Flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Metadata frames. Refs to frames of the pack being built are stored as "self". Thread-safe.
class MetaWriter {
 public:
  explicit MetaWriter(Writer& writer);
  ~MetaWriter();
  FrameRef Append(FrameKind kind, base::ByteView raw);
  // Id to store in a frame that is appended next: final, or zero for the pack being built. The
  // frame must be appended under the same hold, which AppendWith provides: `encode` gets this
  // translation and returns the raw frame.
  using Translate = std::function<PackId(const PackId&)>;
  FrameRef AppendWith(FrameKind kind, const std::function<base::Bytes(const Translate&)>& encode);
  void Flush();
  Writer& writer();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Writer {
 public:
  // Puts the lease. Error(kConflict) when `parent` is gone or being deleted, Error(kUsage) when
  // this program is too old to write to the repository.
  Writer(const Repository& repository, WriterOptions options);
  // Without Commit: removes the lease; packs already put are left for prune. Never throws.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  MetaWriter& meta();
  PackNames& names();
  WriterStats stats() const;
  const WriterOptions& options() const;

  // Renews the lease when it is due. Call it now and then from any thread.
  void KeepAlive();
  // Puts a pack that the caller filled, whatever its size, and returns its name. It counts as one
  // of this backup's own. Thread-safe.
  PackId PutPack(PackBuilder pack);
  // A pack of earlier backups that this one refers to; own packs count without it. Thread-safe.
  // Error(kConflict) when it is condemned, or marked as damaged.
  void Use(const PackId& pack);
  // Must what lies in this pack be stored again, because it is to be deleted, or because it was
  // found damaged? As of when the writer was made. Thread-safe.
  bool IsCondemned(const PackId& pack) const;
  bool IsMarkedDamaged(const PackId& pack) const;

  // Checks that every pack this backup needs is there and not condemned, puts the snapshot, looks
  // once more. The draft's pack list, sequence and previous hash are filled in here.
  // Error(kConflict) when a pack is condemned, gone or marked as damaged: nothing is published.
  // Also when the record to be replaced is another by now, or the backup is being deleted. That
  // record is put back as it was whatever fails after it was removed.
  Snapshot Commit(SnapshotDraft draft);

 private:
  friend class DataWriter;
  friend class MetaWriter;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::repo
