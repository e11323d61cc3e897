#include "replicate/pack_copy.h"

#include <fmt/format.h>

#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "repo/pack.h"

namespace holdfast::replicate {

namespace {

constexpr codec::CompressionOptions kSmaller{.codec = codec::Codec::kZstd, .level = 1};

// Frames are authenticated; what this finds is a machine that writes other bytes than it was given.
void CheckHashes(const codec::PageHasher& hasher, base::ByteView raw,
                 std::span<const std::uint64_t> hashes, const repo::FrameRef& ref) {
  for (std::size_t page = 0; page < hashes.size(); ++page) {
    if (hasher(raw.subspan(page * repo::kPageSize, repo::kPageSize)) == hashes[page]) continue;
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("pack {}, frame {}: page {} is not the one that was stored",
                                  ref.pack.ToHex(), ref.frame, page));
  }
}

std::vector<std::uint64_t> HashesOf(const codec::PageHasher& hasher, base::ByteView raw) {
  std::vector<std::uint64_t> hashes;
  for (std::size_t start = 0; start < raw.size(); start += repo::kPageSize) {
    hashes.push_back(hasher(raw.subspan(start, repo::kPageSize)));
  }
  return hashes;
}

// The pack's frames under the other's keys; empty when they take more than `most` bytes.
std::optional<repo::PackBuilder> SealAnew(const Sides& sides, const repo::PackId& pack,
                                          codec::CompressionOptions compression,
                                          std::uint64_t most) {
  const auto footer = sides.from_frames.Footer(pack);
  const codec::PageHasher ours = sides.from.keyring().page_hasher();
  const codec::PageHasher theirs = sides.to.keyring().page_hasher();
  repo::PackBuilder builder(sides.to.keyring(), repo::PackKind::kData, compression);
  bool too_large = false;
  std::vector<std::uint32_t> frames(footer->frames().size());
  std::iota(frames.begin(), frames.end(), 0U);
  sides.from_frames.ReadMany(pack, frames, [&](std::uint32_t frame, base::ByteView raw) {
    too_large = too_large || builder.size() > most;
    if (too_large) return;
    const repo::FrameKind kind = footer->frame(frame).kind;
    std::vector<std::uint64_t> hashes;
    if (kind == repo::FrameKind::kPages) {
      CheckHashes(ours, raw, footer->PageHashes(frame), {pack, frame});
      hashes = HashesOf(theirs, raw);
    }
    if (builder.Append(kind, raw, hashes) != frame) {
      throw base::Error(base::ErrorKind::kInternal, "a frame went to another place in its copy");
    }
  });
  if (too_large) return std::nullopt;
  return builder;
}

}  // namespace

repo::PackId CopyPack(const Sides& sides, repo::Writer& writer, const repo::PackId& pack,
                      const PackCopyOptions& options) {
  if (auto copy = SealAnew(sides, pack, options.compression, options.most_bytes))
    return writer.PutPack(std::move(*copy));
  // A second time: how large it gets shows only while it is made.
  return writer.PutPack(
      SealAnew(sides, pack, kSmaller, std::numeric_limits<std::uint64_t>::max()).value());
}

std::uint64_t StoredSize(const repo::PackFooter& footer) {
  std::uint64_t size = 0;
  for (const repo::FrameInfo& frame : footer.frames()) size += frame.stored_size;
  return size;
}

}  // namespace holdfast::replicate
