// Packs: immutable objects of sealed frames, the only place where content lives
// (docs/format/pack.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "codec/aead.h"
#include "codec/compress.h"
#include "repo/ids.h"
#include "repo/keyring.h"

namespace holdfast::repo {

inline constexpr std::uint32_t kPageSize = 8192;
inline constexpr std::uint32_t kPagesPerFrame = 16;
inline constexpr std::uint32_t kMaxFrameSize = kPageSize * kPagesPerFrame;  // raw, of content

inline constexpr std::size_t kPackHeaderSize = 64;
inline constexpr std::size_t kSealedKeySize = 80;
inline constexpr std::size_t kPackTrailerSize = 56;

enum class PackKind : std::uint8_t { kData = 1, kMeta = 2, kWal = 3 };

enum class FrameKind : std::uint8_t {
  kPages = 1,    // database pages, 16 to a frame except a pack's last of each file run
  kBytes = 2,    // pieces of files, bundled
  kMap = 3,      // page maps
  kExtents = 4,  // long extent lists
  kTree = 5,     // tree records
  kTreeIndex = 6,
  kWal = 7,   // the content of a blob of WAL
  kBlob = 8,  // the content of any other blob
};

struct FrameInfo {
  FrameKind kind;
  codec::Codec codec;
  std::uint64_t offset = 0;       // in the pack
  std::uint32_t stored_size = 0;  // with tag
  std::uint32_t raw_size = 0;
};

// The most raw bytes a frame may have. Pages and pieces of files stay small, so that reading one
// costs little; a map over very many packs, or the record of a huge file, must not be cut, and a
// blob needs few.
inline constexpr std::uint32_t kMaxLongFrameSize = 1 << 20;
constexpr std::uint32_t MaxFrameSize(FrameKind kind) {
  return kind == FrameKind::kPages || kind == FrameKind::kBytes ? kMaxFrameSize : kMaxLongFrameSize;
}

// A pack's table of contents. Immutable.
class PackFooter {
 public:
  // Error(kCorrupt) unless there is one hash per page.
  PackFooter(std::vector<FrameInfo> frames, std::vector<std::uint64_t> page_hashes);
  std::span<const FrameInfo> frames() const { return frames_; }
  // One per page of a kPages frame, empty for other kinds. Error(kCorrupt) for a frame that is not
  // there.
  std::span<const std::uint64_t> PageHashes(std::uint32_t frame) const;
  const FrameInfo& frame(std::uint32_t number) const;  // Error(kCorrupt)
  std::uint64_t memory_bytes() const;

 private:
  std::vector<FrameInfo> frames_;
  std::vector<std::uint64_t> page_hashes_;
  std::vector<std::uint32_t> first_hash_;  // per frame
};

struct FinishedPack {
  PackId id;
  base::Bytes contents;
  std::uint64_t raw_bytes = 0;
};

// Builds one pack in memory. Not thread-safe. After an error it can only be dropped.
class PackBuilder {
 public:
  PackBuilder(const Keyring& keyring, PackKind kind, codec::CompressionOptions compression);
  ~PackBuilder();
  PackBuilder(PackBuilder&&) noexcept;

  // Compresses, seals and appends a frame; returns its number. `page_hashes`: one per page for
  // kPages, else empty. Error(kInternal) for a frame over its limit or with another number of
  // hashes.
  std::uint32_t Append(FrameKind kind, base::ByteView raw,
                       std::span<const std::uint64_t> page_hashes = {});
  // What the pack would take if it were finished now, or a little more.
  std::uint64_t size() const;
  std::uint32_t frame_count() const;
  FinishedPack Finish();  // once; at least one frame

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The id that the bytes of a whole pack prove, told without a key: every one of them is in it.
// Error(kCorrupt) for what is no pack, or has frames that its trailer does not vouch for.
PackId ProvenId(base::ByteView pack);

// Reads frames of a pack whose bytes are given in pieces. Not thread-safe.
class PackReader {
 public:
  // `header`: the pack's first kPackHeaderSize + kSealedKeySize bytes, or all of a shorter pack;
  // more does no harm. Error(kCorrupt) names the pack.
  PackReader(const Keyring& keyring, const PackId& id, base::ByteView header);
  ~PackReader();
  PackReader(PackReader&&) noexcept;

  struct FooterOrNeed {
    std::optional<PackFooter> footer;
    std::uint64_t need = 0;  // when there is no footer: how many bytes `tail` must have
  };
  // `tail` is the end of the pack and must contain the whole footer and trailer; says how many
  // bytes it needs when they are not all there. Error(kCorrupt) names the pack; also when header,
  // footer and trailer do not prove that it is the pack of this id.
  FooterOrNeed ReadFooter(base::ByteView tail, std::uint64_t pack_size);
  // Authenticates, opens and decompresses a frame; Error(kCorrupt) names pack and frame,
  // Error(kDenied) when the ring has no key for the pack's content.
  base::Bytes OpenFrame(const PackFooter& footer, std::uint32_t frame, base::ByteView stored);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::repo
