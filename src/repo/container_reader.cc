#include "repo/container_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "codec/aead.h"
#include "codec/password.h"
#include "repo/pack_format.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

[[noreturn]] void ThrowCorrupt(std::string message) {
  throw Error(ErrorKind::kCorrupt, std::move(message));
}

// Empty when this ring may not read the content.
std::optional<codec::Key256> ContentRoot(const EpochKeys& keys, const PackHeader& header,
                                         base::ByteView header_bytes) {
  if (header.kind == PackKind::kMeta) return keys.meta;
  if (!header.sealed_key) return keys.data;
  if (keys.seal_secret_key.empty()) return std::nullopt;
  const codec::SealPair pair{.public_key = keys.seal_public_key,
                             .secret_key = keys.seal_secret_key};
  std::optional<base::Bytes> root =
      codec::OpenSealed(pair, header_bytes.subspan(kPackHeaderSize, kSealedKeySize));
  if (!root) ThrowCorrupt("its sealed key was altered, or is sealed to another repository");
  const codec::Key256 key = codec::Key256::From(*root);
  codec::Wipe(*root);
  return key;
}

}  // namespace

struct ContainerReader::State {
  std::string name;
  PackId id;
  // Copies, so that a reader may outlive the ring.
  EpochKeys keys;
  RepositoryId repository_id;
  PackHeader header;
  base::Bytes header_bytes;  // with the key slot
  std::optional<codec::Aead> frames;

  // Opening a sealed key costs much more than a frame: it is done when first needed.
  codec::Aead& FrameCipher() {
    if (frames) return *frames;
    const std::optional<codec::Key256> root = ContentRoot(keys, header, header_bytes);
    if (!root) {
      throw Error(ErrorKind::kDenied,
                  "the key in use may add to the repository but read no content",
                  {"restore and verify with a key that may read"});
    }
    frames.emplace(FrameKey(*root, header, repository_id));
    return *frames;
  }

  PackFooter OpenFooter(base::ByteView sealed, const PackTrailer& trailer,
                        base::ByteView trailer_bytes, std::uint64_t frames_end) {
    codec::Aead cipher(FooterKey(keys.meta, header, repository_id));
    const base::Bytes plain =
        cipher.Open(0, FooterAssociatedData(header_bytes, trailer_bytes), sealed);
    return ParseFooterColumns(UnpackFooterColumns(plain), {.frame_count = trailer.frame_count,
                                                           .frames_begin = header.size(),
                                                           .frames_end = frames_end});
  }

  PackReader::FooterOrNeed ReadFooter(base::ByteView tail, std::uint64_t pack_size) {
    if (tail.size() > pack_size) {
      throw Error(ErrorKind::kInternal, "the end of a pack that is longer than the pack");
    }
    if (pack_size < header.size() + kPackTrailerSize) ThrowCorrupt("it was cut");
    if (tail.size() < kPackTrailerSize) return {.footer = std::nullopt, .need = kPackTrailerSize};
    const base::ByteView trailer_bytes = tail.last(kPackTrailerSize);
    const PackTrailer trailer = ParseTrailer(trailer_bytes);
    const std::uint64_t need = std::uint64_t{trailer.footer_size} + kPackTrailerSize;
    if (need > pack_size - header.size()) ThrowCorrupt("its footer would be longer than itself");
    if (tail.size() < need) return {.footer = std::nullopt, .need = need};
    const base::ByteView sealed = tail.last(need).first(trailer.footer_size);
    if (NameOfPack(header_bytes, sealed, trailer_bytes) != id) {
      ThrowCorrupt("it was altered, or another stands in its place");
    }
    return {.footer = OpenFooter(sealed, trailer, trailer_bytes, pack_size - need), .need = 0};
  }

  base::Bytes OpenFrame(const FrameInfo& info, std::uint32_t frame, base::ByteView stored) {
    if (stored.size() != info.stored_size) {
      ThrowCorrupt(fmt::format("{} bytes instead of {}", stored.size(), info.stored_size));
    }
    base::Bytes plain =
        FrameCipher().Open(frame, FrameAssociatedData(header_bytes, frame, info.kind), stored);
    if (info.codec == codec::Codec::kRaw && plain.size() == info.raw_size) return plain;
    return codec::Decompress(info.codec, plain, info.raw_size);
  }
};

ContainerReader::ContainerReader(const Keyring& keyring, std::string name, const PackId& id,
                                 base::ByteView header) {
  base::WithContext(
      [&] { return name; },
      [&] {
        const PackHeader parsed = ParseHeader(header);
        const base::ByteView bytes = header.first(parsed.size());
        const EpochKeys& keys = keyring.epoch(parsed.epoch);
        state_ = std::make_unique<State>(State{.name = name,
                                               .id = id,
                                               .keys = keys,
                                               .repository_id = keyring.repository_id(),
                                               .header = parsed,
                                               .header_bytes = {bytes.begin(), bytes.end()},
                                               .frames = std::nullopt});
      });
}
ContainerReader::~ContainerReader() = default;
ContainerReader::ContainerReader(ContainerReader&&) noexcept = default;

PackReader::FooterOrNeed ContainerReader::ReadFooter(base::ByteView tail, std::uint64_t pack_size) {
  return base::WithContext([&] { return state_->name; },
                           [&] { return state_->ReadFooter(tail, pack_size); });
}

base::Bytes ContainerReader::OpenFrame(const PackFooter& footer, std::uint32_t frame,
                                       base::ByteView stored) {
  return base::WithContext([&] { return fmt::format("{}, frame {}", state_->name, frame); },
                           [&] { return state_->OpenFrame(footer.frame(frame), frame, stored); });
}

}  // namespace holdfast::repo
