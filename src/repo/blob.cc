#include "repo/blob.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/error.h"
#include "repo/container_reader.h"

namespace holdfast::repo {

namespace {

constexpr std::size_t kIdSize = sizeof(PackId);
// Holds the footer of a WAL segment and the id behind it.
constexpr std::uint64_t kUsualEnd = 4 * base::kKiB;

base::ByteView ContainerOf(base::ByteView stored) { return stored.first(stored.size() - kIdSize); }

PackId IdOf(base::ByteView stored) {
  PackId id;
  std::ranges::copy(stored.last(kIdSize), id.bytes.begin());
  return id;
}

PackFooter ReadFooter(ContainerReader& reader, std::string_view object_name,
                      base::ByteView container) {
  std::optional<PackFooter> footer = reader.ReadFooter(container, container.size()).footer;
  if (footer) return std::move(*footer);
  throw base::Error(base::ErrorKind::kCorrupt, fmt::format("{}: it has no footer", object_name));
}

base::Bytes RangeOf(storage::Storage& storage, const std::string& object, std::uint64_t offset,
                    std::uint64_t length) {
  std::optional<base::Bytes> bytes = storage.GetRange(object, offset, length);
  if (bytes && bytes->size() == length) return std::move(*bytes);
  if (bytes) throw base::Error(base::ErrorKind::kCorrupt, fmt::format("{}: it was cut", object));
  throw base::Error(base::ErrorKind::kNotFound, fmt::format("{} is gone", object));
}

}  // namespace

void CheckBlobSeal(const Keyring& keyring, storage::Storage& storage, const std::string& object) {
  const std::optional<storage::ObjectInfo> info = storage.Stat(object);
  if (!info) throw base::Error(base::ErrorKind::kNotFound, fmt::format("{} is gone", object));
  const std::uint64_t size = info->size;
  if (size < kIdSize) {
    throw base::Error(base::ErrorKind::kCorrupt, fmt::format("{}: it was cut", object));
  }
  const base::Bytes header =
      RangeOf(storage, object, 0, std::min<std::uint64_t>(size, kPackHeaderSize + kSealedKeySize));
  base::Bytes end;
  for (std::uint64_t need = kUsualEnd; need != 0;) {
    const std::uint64_t length = std::min(need, size);
    end = RangeOf(storage, object, size - length, length);
    ContainerReader reader(keyring, object, IdOf(end), header);
    const auto found = reader.ReadFooter(ContainerOf(end), size - kIdSize);
    need = found.footer ? 0 : found.need + kIdSize;
  }
}

base::Bytes SealBlob(const Keyring& keyring, PackKind kind, base::ByteView raw,
                     codec::CompressionOptions compression) {
  PackBuilder builder(keyring, kind, compression);
  const FrameKind frame_kind = kind == PackKind::kWal ? FrameKind::kWal : FrameKind::kBlob;
  const std::size_t frame_size = MaxFrameSize(frame_kind);
  do {
    const base::ByteView piece = raw.first(std::min(frame_size, raw.size()));
    builder.Append(frame_kind, piece);
    raw = raw.subspan(piece.size());
  } while (!raw.empty());
  FinishedPack pack = builder.Finish();
  pack.contents.insert(pack.contents.end(), pack.id.bytes.begin(), pack.id.bytes.end());
  return std::move(pack.contents);
}

base::Bytes OpenBlob(const Keyring& keyring, std::string_view object_name, base::ByteView stored) {
  if (!BlobChecksumMatches(stored)) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{}: it was altered or cut", object_name));
  }
  const base::ByteView container = ContainerOf(stored);
  ContainerReader reader(keyring, std::string(object_name), IdOf(stored), container);
  const PackFooter footer = ReadFooter(reader, object_name, container);
  base::Bytes raw;
  for (std::uint32_t i = 0; i < footer.frames().size(); ++i) {
    const FrameInfo& frame = footer.frame(i);
    base::Bytes piece =
        reader.OpenFrame(footer, i, container.subspan(frame.offset, frame.stored_size));
    if (footer.frames().size() == 1) return piece;
    raw.insert(raw.end(), piece.begin(), piece.end());
  }
  return raw;
}

bool BlobChecksumMatches(base::ByteView stored) {
  if (stored.size() < kIdSize) return false;
  try {
    return ProvenId(ContainerOf(stored)) == IdOf(stored);
  } catch (const base::Error&) {
    return false;
  }
}

}  // namespace holdfast::repo
