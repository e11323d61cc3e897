// Hostile packs. The first byte chooses how deep the rest goes: as bytes of a whole pack, which
// stops at the seals; as the columns of a footer; or as what a footer's seal holds, in a pack that
// is sealed with the right keys.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "base/error.h"
#include "codec/aead.h"
#include "repo/blob.h"
#include "repo/pack.h"
#include "repo/pack_format.h"
#include "repo/testing/fixed_ring.h"

namespace holdfast::repo {
namespace {

constexpr std::uint32_t kFrames = 3;
constexpr std::size_t kFrameBytes = 40;

const Keyring& Ring() {
  static const Keyring ring = FixedRing();
  return ring;
}

void CheckFooter(const PackFooter& footer, std::uint64_t frames_end) {
  std::uint64_t end = kPackHeaderSize;
  for (std::uint32_t i = 0; i < footer.frames().size(); ++i) {
    const FrameInfo& frame = footer.frame(i);
    if (frame.offset != end) std::abort();
    end += frame.stored_size;
    if (frame.raw_size > MaxFrameSize(frame.kind)) std::abort();
    const std::size_t pages = frame.kind == FrameKind::kPages ? frame.raw_size / kPageSize : 0;
    if (footer.PageHashes(i).size() != pages) std::abort();
  }
  if (end != frames_end) std::abort();
}

// Under the name that it would have if its frames were right: a fuzzer finds no digests.
PackId NameAsItStands(base::ByteView pack) {
  const PackParts parts = SplitPack(pack);
  const std::size_t size =
      parts.header.size() + parts.frames.size() + parts.footer.size() + parts.trailer.size();
  if (size != pack.size()) std::abort();
  return NameOfPack(parts.header, parts.footer, parts.trailer);
}

void ReadAsPack(base::ByteView pack) {
  PackReader reader(Ring(), NameAsItStands(pack), pack);
  const auto answer = reader.ReadFooter(pack, pack.size());
  if (!answer.footer) {
    if (answer.need <= pack.size()) std::abort();
    return;
  }
  for (std::uint32_t i = 0; i < answer.footer->frames().size(); ++i) {
    const FrameInfo& frame = answer.footer->frame(i);
    if (frame.offset + frame.stored_size > pack.size()) std::abort();
    static_cast<void>(
        reader.OpenFrame(*answer.footer, i, pack.subspan(frame.offset, frame.stored_size)));
  }
}

void ReadAsColumns(base::ByteView columns) {
  const std::uint64_t end = kPackHeaderSize + kFrames * kFrameBytes;
  CheckFooter(
      ParseFooterColumns(
          columns, {.frame_count = kFrames, .frames_begin = kPackHeaderSize, .frames_end = end}),
      end);
}

void ReadAsSealedFooter(base::ByteView plain) {
  const PackHeader header{.kind = PackKind::kData, .epoch = 1};
  const base::Bytes header_bytes = EncodeHeader(header);
  const base::Bytes trailer =
      EncodeTrailer({.footer_size = static_cast<std::uint32_t>(plain.size() + codec::kAeadTagSize),
                     .frame_count = kFrames,
                     .frames_digest = {}});
  base::Bytes pack = header_bytes;
  pack.resize(pack.size() + kFrames * kFrameBytes);
  codec::Aead cipher(FooterKey(Ring().current().meta, header, Ring().repository_id()));
  cipher.Seal(0, FooterAssociatedData(header_bytes, trailer), plain, pack);
  pack.insert(pack.end(), trailer.begin(), trailer.end());
  ReadAsPack(pack);
}

}  // namespace
}  // namespace holdfast::repo

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size == 0) return 0;
  const base::ByteView rest(data + 1, size - 1);
  try {
    if (data[0] == 'n') static_cast<void>(repo::ProvenId(rest));
    if (data[0] == 'p') repo::ReadAsPack(rest);
    if (data[0] == 'c') repo::ReadAsColumns(rest);
    if (data[0] == 's') repo::ReadAsSealedFooter(rest);
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) std::abort();
  }
  return 0;
}
