// The bytes of a pack around its frames (docs/format/pack.md), and the keys they are sealed under.
// Shared by what builds packs and what reads them; nothing else needs it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "codec/hash.h"
#include "codec/key.h"
#include "repo/keyring.h"
#include "repo/pack.h"

namespace holdfast::repo {

struct PackHeader {
  PackKind kind = PackKind::kData;
  std::uint32_t epoch = 0;
  std::array<std::uint8_t, 32> salt{};
  bool sealed_key = false;

  // With the sealed key slot.
  std::size_t size() const { return kPackHeaderSize + (sealed_key ? kSealedKeySize : 0); }
};

// kPackHeaderSize bytes.
base::Bytes EncodeHeader(const PackHeader& header);
// `bytes` may be longer than the header, but must hold its key slot. Error(kCorrupt).
PackHeader ParseHeader(base::ByteView bytes);

// The most that the columns of a footer may take.
inline constexpr std::uint64_t kMaxFooterColumns = 256 * base::kMiB;
// The most that the sealed footer may take: columns that do not compress, their size, codec and
// tag.
inline constexpr std::uint64_t kMaxFooterSize = kMaxFooterColumns + 64;

struct PackTrailer {
  std::uint32_t footer_size = 0;  // with tag
  std::uint32_t frame_count = 0;
  codec::Digest frames_digest{};  // SHA-256 of the sealed frames, from the first to the last
};

// kPackTrailerSize bytes.
base::Bytes EncodeTrailer(const PackTrailer& trailer);
PackTrailer ParseTrailer(base::ByteView bytes);  // Error(kCorrupt)

// The parts of a whole pack, each in its place.
struct PackParts {
  base::ByteView header;  // with the key slot
  base::ByteView frames;
  base::ByteView footer;
  base::ByteView trailer;
};
PackParts SplitPack(base::ByteView pack);  // Error(kCorrupt)

// The id: the SHA-256 of all that a reader of the footer has in hand. The frames are in it through
// the trailer.
PackId NameOfPack(base::ByteView header, base::ByteView footer, base::ByteView trailer);

// The footer's columns. Of `frames`, the offsets are not stored: they follow from the sizes.
base::Bytes EncodeFooterColumns(std::span<const FrameInfo> frames,
                                std::span<const std::uint64_t> page_hashes);
struct FooterLayout {
  std::uint32_t frame_count = 0;
  std::uint64_t frames_begin = 0;  // offsets in the pack
  std::uint64_t frames_end = 0;
};
// Error(kCorrupt) unless the frames fill their place exactly and each is one that a builder makes.
PackFooter ParseFooterColumns(base::ByteView columns, const FooterLayout& layout);

// What the footer's seal holds: the columns, compressed.
base::Bytes PackFooterColumns(base::ByteView columns);
base::Bytes UnpackFooterColumns(base::ByteView plain);  // Error(kCorrupt)

// What a frame or footer is bound to besides its key: `header` is the header with its key slot.
base::Bytes FrameAssociatedData(base::ByteView header, std::uint32_t frame, FrameKind kind);
base::Bytes FooterAssociatedData(base::ByteView header, base::ByteView trailer);

codec::Key256 FrameKey(const codec::Key256& root, const PackHeader& header,
                       const RepositoryId& repository_id);
codec::Key256 FooterKey(const codec::Key256& meta_root, const PackHeader& header,
                        const RepositoryId& repository_id);

}  // namespace holdfast::repo
