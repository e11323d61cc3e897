#include <fmt/format.h>

#include "base/error.h"
#include "repo/pack.h"

namespace holdfast::repo {

namespace {

[[noreturn]] void ThrowNoFrame(std::uint32_t number, std::size_t count) {
  throw base::Error(base::ErrorKind::kCorrupt,
                    fmt::format("no frame {}: there are {}", number, count));
}

}  // namespace

PackFooter::PackFooter(std::vector<FrameInfo> frames, std::vector<std::uint64_t> page_hashes)
    : frames_(std::move(frames)), page_hashes_(std::move(page_hashes)) {
  first_hash_.reserve(frames_.size() + 1);
  std::uint64_t pages = 0;
  for (const FrameInfo& frame : frames_) {
    first_hash_.push_back(static_cast<std::uint32_t>(pages));
    if (frame.kind == FrameKind::kPages) pages += frame.raw_size / kPageSize;
  }
  if (pages != page_hashes_.size()) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} page hashes for {} pages", page_hashes_.size(), pages));
  }
  first_hash_.push_back(static_cast<std::uint32_t>(pages));
}

std::span<const std::uint64_t> PackFooter::PageHashes(std::uint32_t frame) const {
  if (frame >= frames_.size()) ThrowNoFrame(frame, frames_.size());
  return std::span(page_hashes_)
      .subspan(first_hash_[frame], first_hash_[frame + 1] - first_hash_[frame]);
}

const FrameInfo& PackFooter::frame(std::uint32_t number) const {
  if (number >= frames_.size()) ThrowNoFrame(number, frames_.size());
  return frames_[number];
}

std::uint64_t PackFooter::memory_bytes() const {
  return sizeof *this + frames_.capacity() * sizeof(FrameInfo) +
         page_hashes_.capacity() * sizeof(std::uint64_t) +
         first_hash_.capacity() * sizeof(std::uint32_t);
}

}  // namespace holdfast::repo
