#include "repo/pack_bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "repo/read_plan.h"

namespace holdfast::repo {

namespace {

constexpr std::uint64_t kWindowBytes = kMaxReadGap;

[[noreturn]] void ThrowCorrupt(const PackId& pack, std::string_view why) {
  throw base::Error(base::ErrorKind::kCorrupt, fmt::format("pack {} {}", pack.ToHex(), why));
}

}  // namespace

base::Bytes PackBytes::Read(const PackId& pack, std::uint64_t offset, std::uint64_t length) {
  if (cache_bytes_ == 0 || length > kWindowBytes) {
    base::Bytes bytes = Request(pack, offset, length);
    if (bytes.size() != length) ThrowCorrupt(pack, "was cut short");
    return bytes;
  }
  base::Bytes bytes;
  bytes.reserve(length);
  while (bytes.size() < length) {
    const std::uint64_t position = offset + bytes.size();
    const auto window = WindowOf({.pack = pack, .number = position / kWindowBytes});
    const std::uint64_t begin = position % kWindowBytes;
    if (begin >= window->size()) ThrowCorrupt(pack, "was cut short");
    const base::ByteView piece = base::ByteView(*window).subspan(
        begin, std::min<std::uint64_t>(length - bytes.size(), window->size() - begin));
    bytes.insert(bytes.end(), piece.begin(), piece.end());
  }
  return bytes;
}

base::Bytes PackBytes::Request(const PackId& pack, std::uint64_t offset, std::uint64_t length) {
  std::optional<base::Bytes> bytes = storage_->GetRange(PackObject(pack), offset, length);
  if (!bytes) ThrowCorrupt(pack, "is missing");
  return std::move(*bytes);
}

std::shared_ptr<const base::Bytes> PackBytes::WindowOf(const Window& window) {
  if (auto known = windows_.Get(window)) return known;
  const std::scoped_lock lock(requesting_[window.number % requesting_.size()]);
  if (auto known = windows_.Get(window)) return known;
  auto bytes = std::make_shared<const base::Bytes>(
      Request(window.pack, window.number * kWindowBytes, kWindowBytes));
  windows_.Put(window, bytes, bytes->size());
  return bytes;
}

}  // namespace holdfast::repo
