#include "backup/content_buffer.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace holdfast::backup {

namespace {

// Beyond it the pack is put early: a bound on memory, met only when tiny changes are spread over
// very many files.
constexpr std::uint64_t kMaxWaitingBytes = 16 * base::kMiB;

std::uint64_t MemoryOf(const repo::PageMap& map) {
  return sizeof(map) + map.runs.capacity() * sizeof(repo::PageRun) +
         map.packs.capacity() * sizeof(repo::PackId);
}

}  // namespace

ContentBuffer::ContentBuffer(repo::Writer& writer)
    : writer_(writer), data_(writer), pack_(data_.NextFrame().pack) {}

repo::PagePlace ContentBuffer::AddPage(base::ByteView page, std::uint64_t hash) {
  const repo::PagePlace place{.frame = data_.NextFrame(),
                              .index = static_cast<std::uint32_t>(page_hashes_.size())};
  page_frame_.insert(page_frame_.end(), page.begin(), page.end());
  page_hashes_.push_back(hash);
  if (page_hashes_.size() == repo::kPagesPerFrame) FlushPages();
  return place;
}

void ContentBuffer::FlushPages() {
  if (page_hashes_.empty()) return;
  const repo::FrameRef expected = data_.NextFrame();
  if (data_.AppendPages(page_frame_, page_hashes_) != expected) {
    throw base::Error(base::ErrorKind::kInternal,
                      "a frame of pages went elsewhere than its map says");
  }
  page_frame_.clear();
  page_hashes_.clear();
}

void ContentBuffer::AddPart(std::shared_ptr<FileJob> job, std::size_t part, repo::PageMap map,
                            std::uint64_t bytes) {
  waiting_bytes_ += MemoryOf(map);
  waiting_parts_.push_back(
      {.job = std::move(job), .part = part, .map = std::move(map), .bytes = bytes});
  HoldBack();
}

void ContentBuffer::AddSmallFile(std::shared_ptr<FileJob> job, base::ByteView content,
                                 const repo::ContentDigest& digest) {
  if (bundle_.size() + content.size() > repo::kMaxFrameSize) FlushBundle();
  const repo::Extent extent{.frame = {},
                            .offset = static_cast<std::uint32_t>(bundle_.size()),
                            .length = static_cast<std::uint32_t>(content.size())};
  bundle_.insert(bundle_.end(), content.begin(), content.end());
  bundled_.push_back(
      {.job = std::move(job), .size = content.size(), .extents = {extent}, .digest = digest});
  HoldBack();
}

void ContentBuffer::FlushBundle() {
  if (bundled_.empty()) return;
  const repo::FrameRef frame = AppendBytes(bundle_);
  for (WaitingFile& file : bundled_) {
    file.extents.front().frame = frame;
    waiting_files_.push_back(std::move(file));
  }
  bundle_.clear();
  bundled_.clear();
}

repo::FrameRef ContentBuffer::AppendBytes(base::ByteView bytes) {
  FlushPages();
  return data_.AppendBytes(bytes);
}

repo::Extent ContentBuffer::AddPiece(base::ByteView piece) {
  return {
      .frame = AppendBytes(piece), .offset = 0, .length = static_cast<std::uint32_t>(piece.size())};
}

void ContentBuffer::AddLargeFile(std::shared_ptr<FileJob> job, std::uint64_t size,
                                 std::vector<repo::Extent> extents,
                                 const repo::ContentDigest& digest) {
  waiting_bytes_ += extents.size() * sizeof(repo::Extent);
  waiting_files_.push_back(
      {.job = std::move(job), .size = size, .extents = std::move(extents), .digest = digest});
  HoldBack();
}

void ContentBuffer::HoldBack() {
  if (waiting_bytes_ > kMaxWaitingBytes) {
    Finish();
  } else if (data_.NextFrame().pack != pack_) {
    Release();
  }
}

void ContentBuffer::Finish() {
  FlushPages();
  FlushBundle();
  data_.Flush();
  Release();
  if (!waiting_parts_.empty() || !waiting_files_.empty()) {
    throw base::Error(base::ErrorKind::kInternal,
                      "a file waits for a pack that is not being built");
  }
}

void ContentBuffer::Release() {
  pack_ = data_.NextFrame().pack;
  const auto is_put = [&](const repo::PackId& pack) {
    return writer_.names().Resolve(pack).has_value();
  };
  waiting_bytes_ = 0;
  std::erase_if(waiting_parts_, [&](WaitingPart& waiting) {
    if (!std::ranges::all_of(waiting.map.packs, is_put)) {
      waiting_bytes_ += MemoryOf(waiting.map);
      return false;
    }
    repo::PagedContent::Part part = repo::StoreMap(writer_, std::move(waiting.map));
    waiting.job->DeliverPart(waiting.part, {.part = std::move(part), .bytes = waiting.bytes});
    return true;
  });
  std::erase_if(waiting_files_, [&](WaitingFile& waiting) {
    const auto extent_is_put = [&](const repo::Extent& extent) {
      return is_put(extent.frame.pack);
    };
    if (!std::ranges::all_of(waiting.extents, extent_is_put)) {
      waiting_bytes_ += waiting.extents.size() * sizeof(repo::Extent);
      return false;
    }
    waiting.job->DeliverWhole(waiting.size, repo::StoreExtents(writer_, std::move(waiting.extents)),
                              waiting.digest);
    return true;
  });
}

}  // namespace holdfast::backup
