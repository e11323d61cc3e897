// Reads frames from wherever they are, with bounded caches of footers and of decoded frames.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "repo/ids.h"
#include "repo/pack.h"
#include "repo/page_map.h"
#include "repo/repository.h"
#include "repo/tree.h"

namespace holdfast::repo {

struct FrameReaderOptions {
  std::uint64_t footer_cache_bytes = 16 * base::kMiB;
  std::uint64_t frame_cache_bytes = 16 * base::kMiB;
  // For those who will want most of what lies around what they ask for, as a restore does: what is
  // small is read together with its surroundings, which are kept. 0: nothing is.
  std::uint64_t surroundings_cache_bytes = 0;
  // Asked before a frame is read, from any thread: throws Error(kCorrupt) for one that is not to be
  // trusted, because its pack is known not to be the one that was written.
  std::function<void(const FrameRef&)> admit = {};
};

// Thread-safe. A pack or frame that is missing or altered is Error(kCorrupt) naming it.
class FrameReader {
 public:
  FrameReader(const Repository& repository, FrameReaderOptions options = {});
  ~FrameReader();

  std::shared_ptr<const PackFooter> Footer(const PackId& pack);
  // One frame, cached.
  std::shared_ptr<const base::Bytes> Read(const FrameRef& ref);
  // The same, but a frame of another kind is Error(kCorrupt).
  std::shared_ptr<const base::Bytes> ReadKind(const FrameRef& ref, FrameKind kind);
  // Several frames of one pack (ascending, no repeats) with few requests: near ranges are read as
  // one, at most 8 MiB at once. Not cached.
  void ReadMany(const PackId& pack, std::span<const std::uint32_t> frames,
                const std::function<void(std::uint32_t frame, base::ByteView raw)>& visit);

  // The map of a part, wherever it is stored.
  PageMap Map(const PagedContent::Part& part);
  // The extents of a file, wherever they are stored, in order.
  void ForEachExtent(const ExtentContent& content, const std::function<void(const Extent&)>& visit);
  // The content of a file that has no pages, piece by piece, in order. What was visited is not to
  // be trusted until it returns: a wrong length is found at the end.
  void ReadContent(const TreeEntry& entry, const std::function<void(base::ByteView)>& visit);
  // The whole content of a small file (inline or extents).
  base::Bytes Content(const TreeEntry& entry);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::repo
