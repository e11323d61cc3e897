#include "restore/content_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/workers.h"
#include "repo/file_digest.h"
#include "repo/pack.h"

namespace holdfast::restore {

namespace {

// Pages are put together in order up to this much, 8 MiB, before they are handed out: what lies
// together in a pack is one request then.
constexpr std::uint32_t kPagesPerPiece = 1024;

// Where each page of a window comes from, by frame, so that every frame is read once.
struct WantedPage {
  std::uint32_t frame;
  std::uint32_t index;
  std::uint32_t slot;  // in the window
  auto operator<=>(const WantedPage&) const = default;
};
using WantedByPack = std::map<repo::PackId, std::vector<WantedPage>>;

WantedByPack WantedPages(const repo::PageMap& map, std::uint32_t first, std::uint32_t count) {
  WantedByPack wanted;
  for (std::uint32_t slot = 0; slot < count; ++slot) {
    const repo::PagePlace place = map.Find(first + slot);
    if (!place.zero)
      wanted[place.frame.pack].push_back(
          {.frame = place.frame.frame, .index = place.index, .slot = slot});
  }
  for (auto& [pack, pages] : wanted) std::ranges::sort(pages);
  return wanted;
}

void ReadWanted(repo::FrameReader& frames, const repo::PackId& pack,
                const std::vector<WantedPage>& pages, base::MutableByteView window) {
  std::vector<std::uint32_t> numbers;
  for (const WantedPage& page : pages) {
    if (numbers.empty() || numbers.back() != page.frame) numbers.push_back(page.frame);
  }
  auto next = pages.begin();
  frames.ReadMany(pack, numbers, [&](std::uint32_t frame, base::ByteView raw) {
    for (; next != pages.end() && next->frame == frame; ++next) {
      const std::uint64_t offset = std::uint64_t{next->index} * repo::kPageSize;
      if (offset + repo::kPageSize > raw.size()) {
        throw base::Error(base::ErrorKind::kCorrupt,
                          fmt::format("frame {} of pack {} has fewer pages than a map says", frame,
                                      pack.ToHex()));
      }
      std::ranges::copy(raw.subspan(offset, repo::kPageSize),
                        window.begin() + static_cast<std::ptrdiff_t>(std::uint64_t{next->slot} *
                                                                     repo::kPageSize));
    }
  });
}

}  // namespace

std::size_t PartCount(const repo::TreeEntry& entry) {
  const auto* paged = std::get_if<repo::PagedContent>(&entry.content);
  return paged == nullptr ? 1 : std::max<std::size_t>(1, paged->parts.size());
}

void ReadPages(const PieceSource& source, std::size_t part, PageRange range,
               const std::stop_token& stop, const VisitPiece& visit) {
  const auto& content = std::get<repo::PagedContent>(source.entry.content);
  const repo::PageMap map = source.frames.Map(content.parts.at(part));
  const std::uint64_t begin = part * kPartBytes;
  const std::uint32_t end = std::min(map.page_count, range.first + range.count);
  base::Bytes window;
  for (std::uint32_t first = range.first; first < end; first += kPagesPerPiece) {
    base::ThrowIfStopped(stop);
    const std::uint32_t count = std::min(kPagesPerPiece, end - first);
    window.assign(std::uint64_t{count} * repo::kPageSize, 0);
    const WantedByPack wanted = WantedPages(map, first, count);
    for (const auto& [pack, pages] : wanted) ReadWanted(source.frames, pack, pages, window);
    const std::uint64_t offset = begin + std::uint64_t{first} * repo::kPageSize;
    const std::uint64_t size = std::min<std::uint64_t>(window.size(), source.entry.size - offset);
    visit({.offset = offset, .bytes = base::ByteView(window).first(size), .zero = wanted.empty()});
  }
}

void ReadBytes(const PieceSource& source, const VisitPiece& visit) {
  const repo::TreeEntry& entry = source.entry;
  repo::FileDigester digester(source.keyring);
  std::uint64_t position = 0;
  source.frames.ReadContent(entry, [&](base::ByteView bytes) {
    if (bytes.size() > entry.size - position)
      throw base::Error(base::ErrorKind::kCorrupt, "there is more of it than was backed up");
    digester.Add(bytes);
    visit({.offset = position, .bytes = bytes});
    position += bytes.size();
  });
  if (position != entry.size || (position > 0 && digester.Finish() != entry.digest)) {
    throw base::Error(base::ErrorKind::kCorrupt, "its content is not what was backed up");
  }
}

}  // namespace holdfast::restore
