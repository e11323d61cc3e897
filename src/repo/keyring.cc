#include "repo/keyring.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "codec/password.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kMaxEpochs = 10'000;
constexpr std::size_t kSealKeySize = 32;

[[noreturn]] void ThrowCorrupt(std::string message) {
  throw Error(ErrorKind::kCorrupt, std::move(message));
}

void CheckEpoch(const EpochKeys& keys) {
  const std::size_t secret_size = keys.seal_secret_key.size();
  if (keys.seal_public_key.size() != kSealKeySize ||
      (secret_size != 0 && secret_size != kSealKeySize)) {
    ThrowCorrupt(fmt::format("the keys of epoch {} have wrong sizes", keys.epoch));
  }
}

void WriteEpoch(base::ByteWriter& writer, const EpochKeys& keys) {
  writer.U32(keys.epoch);
  writer.Raw(keys.meta.view());
  writer.Sized(keys.data ? keys.data->view() : base::ByteView());
  writer.Sized(keys.seal_public_key);
  writer.Sized(keys.seal_secret_key);
}

EpochKeys ReadEpoch(base::ByteReader& reader) {
  const std::uint32_t epoch = reader.U32();
  const codec::Key256 meta = codec::Key256::From(reader.Raw(codec::Key256::kSize));
  EpochKeys keys{.epoch = epoch,
                 .meta = meta,
                 .data = std::nullopt,
                 .seal_public_key = {},
                 .seal_secret_key = {}};
  const base::ByteView data = reader.Sized();
  if (!data.empty()) keys.data = codec::Key256::From(data);
  const base::ByteView public_key = reader.Sized();
  keys.seal_public_key.assign(public_key.begin(), public_key.end());
  const base::ByteView secret_key = reader.Sized();
  keys.seal_secret_key.assign(secret_key.begin(), secret_key.end());
  return keys;
}

}  // namespace

Keyring::Keyring(RepositoryId repository_id, std::vector<EpochKeys> epochs)
    : repository_id_(std::move(repository_id)), epochs_(std::move(epochs)) {
  if (epochs_.empty()) ThrowCorrupt("a ring without keys");
  std::ranges::for_each(epochs_, CheckEpoch);
  const auto not_ascending = [](const EpochKeys& a, const EpochKeys& b) {
    return a.epoch >= b.epoch;
  };
  if (std::ranges::adjacent_find(epochs_, not_ascending) != epochs_.end()) {
    ThrowCorrupt("the epochs of a ring do not ascend");
  }
}

Keyring::~Keyring() {
  for (EpochKeys& keys : epochs_) codec::Wipe(keys.seal_secret_key);
}

Keyring Keyring::Generate(RepositoryId repository_id) {
  codec::SealPair pair = codec::NewSealPair();
  std::vector<EpochKeys> epochs;
  epochs.push_back({.epoch = 1,
                    .meta = codec::Key256::Random(),
                    .data = codec::Key256::Random(),
                    .seal_public_key = std::move(pair.public_key),
                    .seal_secret_key = std::move(pair.secret_key)});
  return {std::move(repository_id), std::move(epochs)};
}

Keyring Keyring::AddOnly() const {
  Keyring ring = *this;
  for (EpochKeys& keys : ring.epochs_) {
    keys.data.reset();
    codec::Wipe(keys.seal_secret_key);
    keys.seal_secret_key.clear();
  }
  return ring;
}

bool Keyring::opens_content() const {
  return std::ranges::all_of(
      epochs_, [](const EpochKeys& keys) { return keys.data && !keys.seal_secret_key.empty(); });
}

base::Bytes Keyring::Serialize() const {
  base::ByteWriter writer;
  writer.U8(kVersion);
  writer.Varint(epochs_.size());
  for (const EpochKeys& keys : epochs_) WriteEpoch(writer, keys);
  return writer.Take();
}

Keyring Keyring::Parse(RepositoryId repository_id, base::ByteView payload) {
  base::ByteReader reader(payload, "ring of keys");
  if (const int version = reader.U8(); version != kVersion) {
    ThrowCorrupt(fmt::format("a ring of keys of the unknown version {}", version));
  }
  const std::uint64_t count = reader.VarintUpTo(kMaxEpochs);
  std::vector<EpochKeys> epochs;
  for (std::uint64_t i = 0; i < count; ++i) epochs.push_back(ReadEpoch(reader));
  reader.ExpectEnd();
  return {std::move(repository_id), std::move(epochs)};
}

const EpochKeys& Keyring::epoch(std::uint32_t number) const {
  const auto found = std::ranges::find(epochs_, number, &EpochKeys::epoch);
  if (found == epochs_.end()) {
    throw Error(ErrorKind::kCorrupt,
                fmt::format("made under the keys of epoch {}, which are not known", number),
                {"the keys may have been changed since this repository was opened"});
  }
  return *found;
}

codec::PageHasher Keyring::page_hasher() const {
  return codec::PageHasher(
      codec::DeriveKey(first().meta, {}, "holdfast page hash v1 " + repository_id_));
}

std::array<std::uint8_t, 16> Keyring::ContentDigest(std::string_view purpose,
                                                    base::ByteView content) const {
  const codec::Key256 key = codec::DeriveKey(
      first().meta, {}, fmt::format("holdfast content v1 {} {}", repository_id_, purpose));
  const codec::Digest digest = codec::HmacSha256(key, content);
  std::array<std::uint8_t, 16> result{};
  std::copy_n(digest.begin(), result.size(), result.begin());
  return result;
}

}  // namespace holdfast::repo
