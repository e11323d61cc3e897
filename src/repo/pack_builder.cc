#include <fmt/format.h>

#include <limits>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "codec/aead.h"
#include "codec/hash.h"
#include "codec/password.h"
#include "repo/pack.h"
#include "repo/pack_format.h"

namespace holdfast::repo {

namespace {

// An upper bound of what a frame adds to the footer's columns, besides its page hashes.
constexpr std::uint64_t kFooterPerFrame = 2 + 2 * 4;
// The footer's flags, codec, size and tag.
constexpr std::uint64_t kFooterOverhead = 64;

[[noreturn]] void ThrowInternal(std::string message) {
  throw base::Error(base::ErrorKind::kInternal, std::move(message));
}

// The key that frame keys derive from, and the header that says where a reader finds it.
struct PackSecrets {
  PackHeader header;
  base::Bytes header_bytes;  // with the key slot
  codec::Aead frames;
  codec::Aead footer;
};

PackSecrets NewSecrets(const Keyring& keyring, PackKind kind) {
  const EpochKeys& keys = keyring.current();
  PackHeader header{.kind = kind, .epoch = keys.epoch};
  base::FillRandom(header.salt);
  header.sealed_key = kind != PackKind::kMeta && !keys.data;

  base::Bytes bytes = EncodeHeader(header);
  const codec::Key256 root = kind == PackKind::kMeta ? keys.meta
                             : keys.data             ? *keys.data
                                                     : codec::Key256::Random();
  if (header.sealed_key) {
    const base::Bytes slot = codec::SealTo(keys.seal_public_key, root.view());
    bytes.insert(bytes.end(), slot.begin(), slot.end());
  }
  const RepositoryId& id = keyring.repository_id();
  return {header, std::move(bytes), codec::Aead(FrameKey(root, header, id)),
          codec::Aead(FooterKey(keys.meta, header, id))};
}

void CheckFrame(FrameKind kind, std::size_t raw_size, std::size_t hash_count) {
  if (raw_size > MaxFrameSize(kind)) {
    ThrowInternal(
        fmt::format("a frame of {} bytes, over its limit of {}", raw_size, MaxFrameSize(kind)));
  }
  const bool pages = kind == FrameKind::kPages;
  if (pages && (raw_size == 0 || raw_size % kPageSize != 0)) {
    ThrowInternal(fmt::format("a frame of pages of {} bytes", raw_size));
  }
  if (hash_count != (pages ? raw_size / kPageSize : 0)) {
    ThrowInternal(fmt::format("{} page hashes for a frame of {} bytes", hash_count, raw_size));
  }
}

// A pack of content of the usual 32 MiB, with its footer; a WAL segment is 16 MiB, as a rule.
// Growing by doubling would hold three times as much for a moment; what is reserved and not written
// takes no memory.
constexpr std::size_t kUsualPackBytes = 34 * base::kMiB;

}  // namespace

struct PackBuilder::State {
  PackSecrets secrets;
  codec::Compressor compressor;
  codec::Sha256Stream frames_hash;
  base::Bytes contents;
  base::Bytes compressed;  // kept for its memory
  std::vector<FrameInfo> frames;
  std::vector<std::uint64_t> page_hashes;
  std::uint64_t raw_bytes = 0;
  // Set while a nonce is being used: after an error in between, it must not be used again.
  bool spent = false;

  State(const Keyring& keyring, PackKind kind, codec::CompressionOptions compression)
      : secrets(NewSecrets(keyring, kind)), compressor(compression) {
    if (kind != PackKind::kMeta) base::ReserveLarge(contents, kUsualPackBytes);
    Add(secrets.header_bytes);
  }

  void Add(base::ByteView bytes) { contents.insert(contents.end(), bytes.begin(), bytes.end()); }

  void Spend() {
    if (std::exchange(spent, true))
      ThrowInternal("a pack that is finished, or failed, is gone on with");
  }

  // Hashing what was just sealed finds it in the processor's cache.
  void SealFrame(FrameKind kind, std::uint32_t number) {
    const std::size_t offset = contents.size();
    secrets.frames.Seal(number, FrameAssociatedData(secrets.header_bytes, number, kind), compressed,
                        contents);
    frames_hash.Update(base::ByteView(contents).subspan(offset));
  }

  std::uint64_t FooterBound() const {
    return kFooterOverhead + frames.size() * kFooterPerFrame +
           page_hashes.size() * sizeof(std::uint64_t);
  }

  PackId AddFooterAndTrailer() {
    const base::Bytes plain = PackFooterColumns(EncodeFooterColumns(frames, page_hashes));
    const PackTrailer trailer{
        .footer_size = static_cast<std::uint32_t>(plain.size() + codec::kAeadTagSize),
        .frame_count = static_cast<std::uint32_t>(frames.size()),
        .frames_digest = frames_hash.Finish()};
    const base::Bytes trailer_bytes = EncodeTrailer(trailer);
    const std::size_t offset = contents.size();
    // With room for the id that makes a pack a blob.
    contents.reserve(offset + trailer.footer_size + kPackTrailerSize + sizeof(PackId));
    secrets.footer.Seal(0, FooterAssociatedData(secrets.header_bytes, trailer_bytes), plain,
                        contents);
    const base::ByteView footer_bytes = base::ByteView(contents).subspan(offset);
    const PackId id = NameOfPack(secrets.header_bytes, footer_bytes, trailer_bytes);
    Add(trailer_bytes);
    return id;
  }
};

PackBuilder::PackBuilder(const Keyring& keyring, PackKind kind,
                         codec::CompressionOptions compression)
    : state_(std::make_unique<State>(keyring, kind, compression)) {}
PackBuilder::~PackBuilder() = default;
PackBuilder::PackBuilder(PackBuilder&&) noexcept = default;

std::uint32_t PackBuilder::Append(FrameKind kind, base::ByteView raw,
                                  std::span<const std::uint64_t> page_hashes) {
  State& state = *state_;
  CheckFrame(kind, raw.size(), page_hashes.size());
  if (state.FooterBound() + kFooterPerFrame + page_hashes.size_bytes() > kMaxFooterColumns) {
    ThrowInternal("too many frames in one pack");
  }
  state.Spend();
  const std::uint32_t number = frame_count();
  const std::uint64_t offset = state.contents.size();
  state.compressed.clear();
  const codec::Codec codec = state.compressor.Append(raw, state.compressed);
  state.SealFrame(kind, number);
  state.frames.push_back({.kind = kind,
                          .codec = codec,
                          .offset = offset,
                          .stored_size = static_cast<std::uint32_t>(state.contents.size() - offset),
                          .raw_size = static_cast<std::uint32_t>(raw.size())});
  state.page_hashes.insert(state.page_hashes.end(), page_hashes.begin(), page_hashes.end());
  state.raw_bytes += raw.size();
  state.spent = false;
  return number;
}

std::uint64_t PackBuilder::size() const {
  return state_->contents.size() + state_->FooterBound() + kPackTrailerSize;
}

std::uint32_t PackBuilder::frame_count() const {
  return static_cast<std::uint32_t>(state_->frames.size());
}

FinishedPack PackBuilder::Finish() {
  State& state = *state_;
  if (state.frames.empty()) ThrowInternal("a pack without frames");
  state.Spend();
  const PackId id = state.AddFooterAndTrailer();
  return {.id = id, .contents = std::move(state.contents), .raw_bytes = state.raw_bytes};
}

}  // namespace holdfast::repo
