#include "repo/pack_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "codec/aead.h"

namespace holdfast::repo {

namespace {

constexpr std::string_view kMagic = "HFPACK\x01\n";
constexpr std::string_view kTrailerMagic = "HFTRAIL\n";
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kSuite = 1;  // AES-256-GCM, HKDF-SHA-256, SHA-256
constexpr std::uint8_t kSealedKeyFlag = 1;
constexpr std::size_t kHeaderReserved = 16;
constexpr std::size_t kTrailerReserved = 8;
static_assert(kMagic.size() == 8 && kTrailerMagic.size() == 8);

[[noreturn]] void ThrowCorrupt(std::string message) {
  throw base::Error(base::ErrorKind::kCorrupt, std::move(message));
}

[[noreturn]] void ThrowUnknown(std::string_view what, int number) {
  throw base::Error(base::ErrorKind::kCorrupt,
                    fmt::format("{} {} is not known to this program", what, number),
                    {"it was altered, or made by a newer version of holdfast"});
}

PackKind CheckedKind(std::uint8_t number) {
  if (number < static_cast<int>(PackKind::kData) || number > static_cast<int>(PackKind::kWal)) {
    ThrowUnknown("pack kind", number);
  }
  return static_cast<PackKind>(number);
}

void CheckSealFlag(const PackHeader& header) {
  if (header.sealed_key && header.kind == PackKind::kMeta) {
    ThrowCorrupt("a pack of metadata with a sealed key");
  }
}

}  // namespace

base::Bytes EncodeHeader(const PackHeader& header) {
  base::ByteWriter writer;
  writer.Raw(kMagic);
  writer.U8(kVersion);
  writer.U8(kSuite);
  writer.U8(static_cast<std::uint8_t>(header.kind));
  writer.U8(header.sealed_key ? kSealedKeyFlag : 0);
  writer.U32(header.epoch);
  writer.Raw(base::ByteView(header.salt));
  writer.Raw(base::Bytes(kHeaderReserved));
  return writer.Take();
}

PackHeader ParseHeader(base::ByteView bytes) {
  base::ByteReader reader(bytes, "header");
  if (!base::Equal(reader.Raw(kMagic.size()), base::AsBytes(kMagic))) ThrowCorrupt("not a pack");
  if (const int version = reader.U8(); version != kVersion) ThrowUnknown("pack version", version);
  if (const int suite = reader.U8(); suite != kSuite) ThrowUnknown("cipher suite", suite);
  PackHeader header;
  header.kind = CheckedKind(reader.U8());
  const std::uint8_t flags = reader.U8();
  if ((flags & ~kSealedKeyFlag) != 0) ThrowUnknown("pack flags", flags);
  header.sealed_key = flags != 0;
  CheckSealFlag(header);
  header.epoch = reader.U32();
  std::ranges::copy(reader.Raw(header.salt.size()), header.salt.begin());
  if (!base::AllZero(reader.Raw(kHeaderReserved))) ThrowCorrupt("reserved bytes are not zero");
  if (header.sealed_key) static_cast<void>(reader.Raw(kSealedKeySize));
  return header;
}

base::Bytes EncodeTrailer(const PackTrailer& trailer) {
  base::ByteWriter writer;
  writer.U32(trailer.footer_size);
  writer.U32(trailer.frame_count);
  writer.Raw(base::ByteView(trailer.frames_digest));
  writer.Raw(base::Bytes(kTrailerReserved));
  writer.Raw(kTrailerMagic);
  return writer.Take();
}

PackTrailer ParseTrailer(base::ByteView bytes) {
  base::ByteReader reader(bytes, "trailer");
  PackTrailer trailer;
  trailer.footer_size = reader.U32();
  trailer.frame_count = reader.U32();
  std::ranges::copy(reader.Raw(trailer.frames_digest.size()), trailer.frames_digest.begin());
  const bool reserved_zero = base::AllZero(reader.Raw(kTrailerReserved));
  if (!base::Equal(reader.Raw(kTrailerMagic.size()), base::AsBytes(kTrailerMagic))) {
    ThrowCorrupt("it does not end as a pack does");
  }
  if (!reserved_zero) ThrowCorrupt("reserved bytes are not zero");
  if (trailer.footer_size > kMaxFooterSize) ThrowCorrupt("its footer would be over every limit");
  reader.ExpectEnd();
  return trailer;
}

PackParts SplitPack(base::ByteView pack) {
  const std::size_t header_size = ParseHeader(pack).size();
  if (pack.size() < header_size + kPackTrailerSize) ThrowCorrupt("it was cut");
  const base::ByteView trailer = pack.last(kPackTrailerSize);
  const std::size_t footer_size = ParseTrailer(trailer).footer_size;
  const base::ByteView inner =
      pack.subspan(header_size, pack.size() - header_size - kPackTrailerSize);
  if (footer_size > inner.size()) ThrowCorrupt("its footer would be longer than itself");
  return {.header = pack.first(header_size),
          .frames = inner.first(inner.size() - footer_size),
          .footer = inner.last(footer_size),
          .trailer = trailer};
}

PackId NameOfPack(base::ByteView header, base::ByteView footer, base::ByteView trailer) {
  codec::Sha256Stream hash;
  hash.Update(header);
  hash.Update(footer);
  hash.Update(trailer);
  return PackId{hash.Finish()};
}

PackId ProvenId(base::ByteView pack) {
  const PackParts parts = SplitPack(pack);
  if (codec::Sha256(parts.frames) != ParseTrailer(parts.trailer).frames_digest) {
    ThrowCorrupt("its frames are not those that were written");
  }
  return NameOfPack(parts.header, parts.footer, parts.trailer);
}

base::Bytes FrameAssociatedData(base::ByteView header, std::uint32_t frame, FrameKind kind) {
  base::ByteWriter writer;
  writer.Raw(header);
  writer.U32(frame);
  writer.U8(static_cast<std::uint8_t>(kind));
  return writer.Take();
}

base::Bytes FooterAssociatedData(base::ByteView header, base::ByteView trailer) {
  base::ByteWriter writer;
  writer.Raw(header);
  writer.Raw(trailer);
  return writer.Take();
}

codec::Key256 FrameKey(const codec::Key256& root, const PackHeader& header,
                       const RepositoryId& repository_id) {
  return codec::DeriveKey(root, header.salt, "holdfast pack v1 " + repository_id);
}

codec::Key256 FooterKey(const codec::Key256& meta_root, const PackHeader& header,
                        const RepositoryId& repository_id) {
  return codec::DeriveKey(meta_root, header.salt, "holdfast footer v1 " + repository_id);
}

}  // namespace holdfast::repo
