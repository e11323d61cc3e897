#include "restore/file_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "pg/crc32c.h"
#include "repo/file_digest.h"
#include "repo/pack.h"
#include "restore/destination.h"

namespace holdfast::restore {

namespace {

constexpr std::uint64_t kPartBytes = std::uint64_t{repo::kPagesPerMap} * repo::kPageSize;
// Pages are put together in order up to this much, 8 MiB, before they are summed and written: what
// lies together in a pack is one request then.
constexpr std::uint32_t kPagesPerWrite = 1024;

std::size_t PartCount(const repo::TreeEntry& entry) {
  const auto* paged = std::get_if<repo::PagedContent>(&entry.content);
  return paged == nullptr ? 1 : std::max<std::size_t>(1, paged->parts.size());
}

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

RestoredFile::RestoredFile(repo::TreeEntry entry, base::Path place, std::optional<Owner> owner)
    : entry_(std::move(entry)),
      place_(std::move(place)),
      owner_(owner),
      parts_(PartCount(entry_)),
      missing_(PartCount(entry_)) {}

void RestoredFile::Create() {
  AtDestination([&] {
    file_ = base::File::Open(place_, O_RDWR | O_CREAT | O_EXCL, 0600);
    file_.Truncate(entry_.size);
  });
}

void RestoredFile::WriteAt(std::uint64_t offset, base::ByteView bytes) {
  AtDestination([&] { file_.WriteAt(offset, bytes); });
}

std::uint64_t RestoredFile::WritePart(std::size_t part, const PieceSource& source,
                                      const std::stop_token& stop) {
  return base::WithContext([&] { return fmt::format("restoring {}", entry_.path); },
                           [&] {
                             if (std::holds_alternative<repo::PagedContent>(entry_.content)) {
                               return WritePages(part, source, stop);
                             }
                             WriteBytes(source);
                             return entry_.size;
                           });
}

std::uint64_t RestoredFile::WritePages(std::size_t part, const PieceSource& source,
                                       const std::stop_token& stop) {
  const auto& content = std::get<repo::PagedContent>(source.entry.content);
  const repo::PageMap map = source.frames.Map(content.parts.at(part));
  const std::uint64_t begin = part * kPartBytes;
  const std::uint64_t size =
      std::min(std::uint64_t{map.page_count} * repo::kPageSize, entry_.size - begin);
  pg::Crc32c crc;
  base::Bytes window;
  for (std::uint32_t first = 0; first < map.page_count; first += kPagesPerWrite) {
    base::ThrowIfStopped(stop);
    const std::uint32_t count = std::min(kPagesPerWrite, map.page_count - first);
    window.assign(std::uint64_t{count} * repo::kPageSize, 0);
    const WantedByPack wanted = WantedPages(map, first, count);
    for (const auto& [pack, pages] : wanted) ReadWanted(source.frames, pack, pages, window);
    const std::uint64_t offset = std::uint64_t{first} * repo::kPageSize;
    const base::ByteView bytes =
        base::ByteView(window).first(std::min<std::uint64_t>(window.size(), size - offset));
    crc.Extend(bytes);
    if (!wanted.empty()) WriteAt(begin + offset, bytes);  // all zero: left sparse
  }
  parts_[part] = {.crc = crc.value(), .length = size};
  return size;
}

void RestoredFile::WriteBytes(const PieceSource& source) {
  repo::FileDigester digester(source.keyring);
  pg::Crc32c crc;
  std::uint64_t position = 0;
  const auto write = [&](base::ByteView bytes) {
    // A source that has more would leave it there for the next one.
    if (bytes.size() > entry_.size - position)
      throw base::Error(base::ErrorKind::kCorrupt, "its content is longer than it was");
    digester.Add(bytes);
    crc.Extend(bytes);
    WriteAt(position, bytes);
    position += bytes.size();
  };
  source.frames.ReadContent(source.entry, write);
  if (position != entry_.size || (position > 0 && digester.Finish() != source.entry.digest)) {
    throw base::Error(base::ErrorKind::kCorrupt, "its content is not what was backed up");
  }
  parts_[0] = {.crc = crc.value(), .length = position};
}

bool RestoredFile::PartDone() { return --missing_ == 0; }

WrittenFile RestoredFile::Complete() {
  AtDestination([&] { GiveFacts(); });
  pg::Crc32cPart whole = parts_.front();
  for (std::size_t part = 1; part < parts_.size(); ++part)
    whole = pg::Crc32cCombine(whole, parts_[part]);
  return {
      .path = entry_.path, .size = entry_.size, .modified = entry_.modified, .crc32c = whole.crc};
}

// Owner, mode and time; and all of it durable.
void RestoredFile::GiveFacts() {
  if (owner_ && ::fchown(file_.fd(), owner_->uid, owner_->gid) != 0) {
    throw base::SystemError(errno, fmt::format("cannot give {} to its owner", place_.native()));
  }
  if (::fchmod(file_.fd(), entry_.mode) != 0) {
    throw base::SystemError(errno, fmt::format("cannot set the mode of {}", place_.native()));
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(entry_.modified);
  const timespec modified{.tv_sec = static_cast<time_t>(seconds.time_since_epoch().count()),
                          .tv_nsec = static_cast<long>((entry_.modified - seconds).count() * 1000)};
  const timespec times[2] = {modified, modified};
  if (::futimens(file_.fd(), times) != 0) {
    throw base::SystemError(errno, fmt::format("cannot set the time of {}", place_.native()));
  }
  file_.Sync();
  file_.Close();
}

}  // namespace holdfast::restore
