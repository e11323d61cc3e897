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

// Of the slots that are asked for.
WantedByPack WantedPages(const repo::PageMap& map, std::uint32_t first,
                         const std::vector<bool>& slots) {
  WantedByPack wanted;
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
    if (!slots[slot]) continue;
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

base::MutableByteView PageAt(base::MutableByteView window, std::uint32_t slot) {
  return window.subspan(std::uint64_t{slot} * repo::kPageSize, repo::kPageSize);
}

// One part of a file, a window of its pages after the other.
class Windows {
 public:
  Windows(const PieceSource& source, std::size_t part)
      : source_(source),
        begin_(part * kPartBytes),
        map_(source.frames.Map(std::get<repo::PagedContent>(source.entry.content).parts.at(part))) {
  }

  const repo::PageMap& map() const { return map_; }
  std::uint64_t OffsetOf(std::uint32_t page) const {
    return begin_ + std::uint64_t{page} * repo::kPageSize;
  }
  // The last page of a file may not be a whole one.
  base::ByteView WithinFile(std::uint32_t first, base::ByteView window) const {
    return window.first(
        std::min<std::uint64_t>(window.size(), source_.entry.size - OffsetOf(first)));
  }

  // Fills the slots that are asked for, those that are all zeros too. True when nothing was read.
  bool Fill(std::uint32_t first, const std::vector<bool>& slots,
            base::MutableByteView window) const {
    for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
      if (slots[slot]) std::ranges::fill(PageAt(window, slot), std::uint8_t{0});
    }
    const WantedByPack wanted = WantedPages(map_, first, slots);
    for (const auto& [pack, pages] : wanted) ReadWanted(source_.frames, pack, pages, window);
    return wanted.empty();
  }

  // Whether what is there is not the page that is to be there.
  bool Differs(std::uint32_t page, base::ByteView there) {
    const repo::PagePlace place = map_.Find(page);
    if (place.zero) return !base::AllZero(there);
    if (!footer_ || place.frame.pack != footer_pack_) {
      footer_pack_ = place.frame.pack;
      footer_ = source_.frames.Footer(footer_pack_);
    }
    const auto hashes = footer_->PageHashes(place.frame.frame);
    // A frame that does not have the page is found out when it is read.
    return place.index >= hashes.size() || hashes[place.index] != hasher_(there);
  }

 private:
  const PieceSource& source_;
  const std::uint64_t begin_;
  const repo::PageMap map_;
  const codec::PageHasher hasher_ = source_.keyring.page_hasher();
  repo::PackId footer_pack_;  // of the page before
  std::shared_ptr<const repo::PackFooter> footer_;
};

}  // namespace

std::size_t PartCount(const repo::TreeEntry& entry) {
  const auto* paged = std::get_if<repo::PagedContent>(&entry.content);
  return paged == nullptr ? 1 : std::max<std::size_t>(1, paged->parts.size());
}

void ReadPages(const PieceSource& source, std::size_t part, PageRange range,
               const std::stop_token& stop, const VisitPiece& visit) {
  const Windows windows(source, part);
  const std::uint32_t end = std::min(windows.map().page_count, range.first + range.count);
  base::Bytes window;
  for (std::uint32_t first = range.first; first < end; first += kPagesPerPiece) {
    base::ThrowIfStopped(stop);
    const std::vector<bool> all(std::min(kPagesPerPiece, end - first), true);
    window.assign(all.size() * repo::kPageSize, 0);
    const bool zero = windows.Fill(first, all, window);
    visit({.offset = windows.OffsetOf(first),
           .bytes = windows.WithinFile(first, window),
           .zero = zero});
  }
}

void RefreshPages(const PieceSource& source, std::size_t part, const pg::BlockSet& doubtful,
                  const ReadLocal& local, const std::stop_token& stop,
                  const VisitRefreshed& visit) {
  Windows windows(source, part);
  base::Bytes window;
  for (std::uint32_t first = 0; first < windows.map().page_count; first += kPagesPerPiece) {
    base::ThrowIfStopped(stop);
    const std::uint32_t count = std::min(kPagesPerPiece, windows.map().page_count - first);
    if (doubtful.CountIn(first, first + count) == 0) continue;
    window.resize(std::uint64_t{count} * repo::kPageSize);
    std::vector<bool> differ(count);
    doubtful.ForEachRun(first, first + count, [&](pg::BlockNumber page, std::uint64_t run) {
      const std::uint64_t at = (page - first) * repo::kPageSize;
      const auto here = base::MutableByteView(window).subspan(at, run * repo::kPageSize);
      const bool readable = local(windows.OffsetOf(page), here);
      for (std::uint32_t i = 0; i < run; ++i) {
        differ[page - first + i] = !readable || windows.Differs(page + i, PageAt(here, i));
      }
    });
    windows.Fill(first, differ, window);
    visit({.offset = windows.OffsetOf(first), .bytes = windows.WithinFile(first, window)}, differ);
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
