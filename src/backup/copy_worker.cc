#include "backup/copy_worker.h"

#include <algorithm>
#include <utility>

#include "backup/content_buffer.h"
#include "backup/parent_pages.h"
#include "base/workers.h"

namespace holdfast::backup {

namespace {

constexpr std::size_t kReadSize = base::kMiB;
// Larger ones are digested in a first reading and stored in a second, if they changed.
constexpr std::uint64_t kMaxHeldFile = base::kMiB;
// To ask again costs as much as so many pages that were not asked for.
constexpr std::uint32_t kGapWorthReading = 4;

// A part on its way through a worker.
struct PartCopy {
  enum class State { kGoesOn, kEnded, kVanished };

  const CopyUnit& unit;
  ParentPages& parent;
  std::uint64_t begin = 0;  // bytes of the file
  std::uint64_t end = 0;
  std::uint64_t position = begin;
  pg::BlockSet named = {};  // pages that may have changed
  repo::PageMapBuilder map = {};
  bool changed = false;
  State state = State::kGoesOn;

  std::uint32_t pages() const {
    return static_cast<std::uint32_t>((end - begin + repo::kPageSize - 1) / repo::kPageSize);
  }
};

// Pages of a part, numbered from its start.
struct PageStretch {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

// Cuts what is to be read into what fits a buffer of kReadSize.
class ReadBatches {
 public:
  explicit ReadBatches(std::function<void(std::span<const PageStretch>)> read)
      : read_(std::move(read)) {}

  void Add(std::uint32_t first, std::uint64_t count) {
    while (count > 0) {
      const std::uint64_t some = std::min(count, kReadSize / repo::kPageSize - pages_);
      batch_.push_back({.first = first, .count = static_cast<std::uint32_t>(some)});
      pages_ += some;
      first += static_cast<std::uint32_t>(some);
      count -= some;
      if (pages_ == kReadSize / repo::kPageSize) Finish();
    }
  }
  void Finish() {
    if (!batch_.empty()) read_(batch_);
    batch_.clear();
    pages_ = 0;
  }

 private:
  const std::function<void(std::span<const PageStretch>)> read_;
  std::vector<PageStretch> batch_;
  std::uint64_t pages_ = 0;
};

void FillSmallGaps(pg::BlockSet& pages, std::uint32_t count) {
  pg::BlockSet gaps;
  std::uint64_t last_end = 0;
  pages.ForEachRun(0, count, [&](pg::BlockNumber first, std::uint64_t run) {
    const bool small = last_end > 0 && first - last_end <= kGapWorthReading;
    if (small) gaps.AddRun(static_cast<pg::BlockNumber>(last_end), first - last_end);
    last_end = first + run;
  });
  pages.Unite(gaps);
}

}  // namespace

struct CopyWorker::State {
  explicit State(const CopyContext& shared)
      : context(shared),
        reader(shared.cluster.NewReader()),
        buffer(shared.writer),
        packs(shared.writer, shared.parent_frames, shared.losses, shared.older_packs),
        hasher(shared.keyring.page_hasher()),
        read_buffer(kReadSize) {}

  void CopyPart(const CopyUnit& unit, const std::stop_token& stop);
  pg::BlockSet NamedPages(const PartCopy& part) const;
  pg::BlockSet PagesToRead(const PartCopy& part) const;
  bool KeepWhole(const PartCopy& part);
  // From where the part's map is, up to the page `until`.
  void KeepPages(PartCopy& part, std::uint32_t until);
  void ReadPages(PartCopy& part, std::span<const PageStretch> pages);
  void CopyPages(PartCopy& part, base::MutableByteView pages);
  void NoteChanged(PartCopy& part, base::ByteView page) const;
  void Count(const CopyUnit& unit, std::uint64_t bytes);
  void DeliverPart(PartCopy& part);
  bool ReuseParentPart(const CopyUnit& unit, const repo::PageMap& map, std::uint64_t bytes);

  void CopyWhole(const std::shared_ptr<FileJob>& job, const std::stop_token& stop);
  void StoreHeld(const std::shared_ptr<FileJob>& job, base::ByteView content);
  bool ReuseParentFile(FileJob& job, std::uint64_t size, const repo::ContentDigest& digest);
  void CopyLarge(const std::shared_ptr<FileJob>& job, const std::stop_token& stop);
  // Reads the file from its start in pieces of one frame; empty when it vanished, else the bytes
  // read.
  std::optional<std::uint64_t> ReadPieces(FileJob& job, const std::stop_token& stop,
                                          const std::function<void(base::ByteView)>& piece);
  std::optional<std::size_t> Read(const FileJob& job, std::uint64_t offset, std::uint64_t length);

  CopyContext context;
  std::unique_ptr<pg::FileReader> reader;
  ContentBuffer buffer;
  ReusablePacks packs;
  codec::PageHasher hasher;
  base::Bytes read_buffer;
};

CopyWorker::CopyWorker(const CopyContext& context) : state_(std::make_unique<State>(context)) {}
CopyWorker::~CopyWorker() = default;

void CopyWorker::Copy(const CopyUnit& unit, const std::stop_token& stop) {
  if (unit.job->paged()) {
    state_->CopyPart(unit, stop);
  } else {
    state_->CopyWhole(unit.job, stop);
  }
  state_->context.writer.KeepAlive();
}

void CopyWorker::Finish() { state_->buffer.Finish(); }

std::optional<std::size_t> CopyWorker::State::Read(const FileJob& job, std::uint64_t offset,
                                                   std::uint64_t length) {
  const base::MutableByteView out(read_buffer.data(),
                                  std::min<std::uint64_t>(length, read_buffer.size()));
  const std::optional<std::size_t> count = reader->ReadAt(job.entry().path, offset, out);
  if (count) {
    context.counters.bytes_read += *count;
    context.report.Advance(*count);
  }
  return count;
}

// ---- files made of pages

void CopyWorker::State::CopyPart(const CopyUnit& unit, const std::stop_token& stop) {
  FileJob& job = *unit.job;
  const std::uint64_t begin = unit.part * kPartBytes;
  const std::uint64_t end = std::min(job.entry().size, begin + kPartBytes);
  ParentPages parent(context.parent_frames, packs, job.ParentPart(unit.part), context.losses);
  PartCopy part{.unit = unit, .parent = parent, .begin = begin, .end = end};
  part.named = NamedPages(part);
  const pg::BlockSet to_read = PagesToRead(part);
  if (to_read.empty() && KeepWhole(part)) return;
  ReadBatches batches([&](std::span<const PageStretch> pages) {
    base::ThrowIfStopped(stop);
    if (part.state == PartCopy::State::kGoesOn) ReadPages(part, pages);
  });
  to_read.ForEachRun(0, part.pages(), [&](pg::BlockNumber first, std::uint64_t count) {
    batches.Add(first, count);
  });
  batches.Finish();
  if (part.state == PartCopy::State::kVanished) return job.Vanished();
  if (part.state == PartCopy::State::kGoesOn) KeepPages(part, part.pages());
  if (part.position < end && unit.part + 1 < job.part_count()) {
    part.map.AddZero(repo::kPagesPerMap - part.map.page_count());
    part.position = begin + kPartBytes;
    part.changed = true;
  }
  part.changed = part.changed || part.map.page_count() != parent.page_count();
  context.counters.pages += part.map.page_count();
  DeliverPart(part);
}

// All, unless it is known what changed.
pg::BlockSet CopyWorker::State::NamedPages(const PartCopy& part) const {
  const FileJob& job = *part.unit.job;
  pg::BlockSet pages;
  if (context.changed_pages == nullptr) {
    pages.AddRun(0, part.pages());
    return pages;
  }
  const std::uint64_t first = part.begin / repo::kPageSize;
  // Whole ones: at its end a file may have held the beginning of a page.
  const std::uint64_t in_file = job.parent() ? job.parent()->size / repo::kPageSize : 0;
  const std::uint64_t stored =
      std::min<std::uint64_t>(part.parent.page_count(), in_file - std::min(in_file, first));
  pages = context.changed_pages->ToRead(job.entry().path, *job.kind().relation,
                                        static_cast<std::uint32_t>(first), part.pages(),
                                        static_cast<std::uint32_t>(stored));
  part.parent.AddUnusable(pages);
  // The end of a file that is not made of whole pages.
  if (part.end % repo::kPageSize != 0) pages.Add(part.pages() - 1);
  return pages;
}

pg::BlockSet CopyWorker::State::PagesToRead(const PartCopy& part) const {
  pg::BlockSet pages = part.named;
  if (context.audit != nullptr) pages.AddRun(0, part.pages());
  FillSmallGaps(pages, part.pages());
  return pages;
}

// Nothing of it is read, not even what lies around.
bool CopyWorker::State::KeepWhole(const PartCopy& part) {
  const std::uint64_t bytes = part.end - part.begin;
  if (part.pages() != part.parent.page_count() ||
      !ReuseParentPart(part.unit, part.parent.map(), bytes)) {
    return false;
  }
  context.report.Advance(bytes);
  context.counters.pages += part.pages();
  Count(part.unit, bytes);
  return true;
}

void CopyWorker::State::KeepPages(PartCopy& part, std::uint32_t until) {
  const std::uint64_t before = part.position;
  for (std::uint32_t page = part.map.page_count(); page < until; ++page) {
    const repo::PagePlace place = part.parent.Keep(page);
    if (place.zero) {
      part.map.AddZero();
    } else {
      part.map.Add(place);
    }
  }
  part.position = std::min(part.end, part.begin + std::uint64_t{until} * repo::kPageSize);
  context.report.Advance(part.position - before);
}

// With one request where the cluster is read through a connection. What lies between is kept.
void CopyWorker::State::ReadPages(PartCopy& part, std::span<const PageStretch> pages) {
  std::vector<pg::FileRange> ranges;
  std::size_t used = 0;
  for (const PageStretch& stretch : pages) {
    const std::uint64_t offset = part.begin + std::uint64_t{stretch.first} * repo::kPageSize;
    const std::uint64_t size =
        std::min<std::uint64_t>(std::uint64_t{stretch.count} * repo::kPageSize, part.end - offset);
    ranges.push_back(
        {.offset = offset, .out = base::MutableByteView(read_buffer).subspan(used, size)});
    used += size;
  }
  const auto sizes = reader->ReadRanges(part.unit.job->entry().path, ranges);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (!sizes[i]) {
      part.state = PartCopy::State::kVanished;
      return;
    }
    context.counters.bytes_read += *sizes[i];
    context.report.Advance(*sizes[i]);
    KeepPages(part, pages[i].first);
    CopyPages(part, ranges[i].out.first(*sizes[i]));
    part.position += *sizes[i];
    if (*sizes[i] < ranges[i].out.size()) {  // the file ends here, whatever the listing said
      part.state = PartCopy::State::kEnded;
      return;
    }
  }
}

void CopyWorker::State::CopyPages(PartCopy& part, base::MutableByteView pages) {
  const FileJob& job = *part.unit.job;
  const std::uint64_t offset = part.position;
  const auto first_in_file = static_cast<pg::BlockNumber>(offset / repo::kPageSize);
  const pg::BlockNumber first_in_fork =
      pg::FirstBlock(*job.kind().relation, context.blocks_per_segment) + first_in_file;
  base::Bytes last_page;
  for (std::size_t start = 0; start < pages.size(); start += repo::kPageSize) {
    base::MutableByteView page =
        pages.subspan(start, std::min<std::size_t>(repo::kPageSize, pages.size() - start));
    const auto index = static_cast<pg::BlockNumber>(start / repo::kPageSize);
    if (page.size() < repo::kPageSize) {
      // Not a whole page: PostgreSQL itself does not look at it. Kept, padded; the entry's size
      // tells where it ends.
      last_page.assign(page.begin(), page.end());
      last_page.resize(repo::kPageSize);
      page = last_page;
    } else {
      const auto read_again = [&](base::MutableByteView out) {
        const auto count = reader->ReadAt(job.entry().path, offset + start, out);
        return count && *count == out.size();
      };
      context.judge.Check(page, job.entry().path, first_in_file + index, first_in_fork + index,
                          read_again);
    }
    const std::uint32_t in_map = part.map.page_count();
    if (base::AllZero(page)) {
      if (!part.parent.WasZero(in_map)) NoteChanged(part, page);
      part.map.AddZero();
      continue;
    }
    const std::uint64_t hash = hasher(page);
    if (const auto same = part.parent.FindSame(in_map, hash)) {
      part.map.Add(*same);
    } else {
      NoteChanged(part, page);
      part.map.Add(buffer.AddPage(page, hash));
      ++context.counters.pages_stored;
    }
  }
}

// The page at the map's end is not what the earlier backup has there.
void CopyWorker::State::NoteChanged(PartCopy& part, base::ByteView page) const {
  part.changed = true;
  const pg::BlockNumber in_part = part.map.page_count();
  if (context.audit == nullptr || part.named.Contains(in_part)) return;
  context.audit->AddUnnamed(part.unit.job->entry().path,
                            static_cast<pg::BlockNumber>(part.begin / repo::kPageSize) + in_part,
                            page);
}

void CopyWorker::State::DeliverPart(PartCopy& part) {
  const CopyUnit& unit = part.unit;
  const std::uint64_t bytes = part.position - part.begin;
  Count(unit, bytes);
  repo::PageMap map = part.map.Take();
  if (!part.changed && ReuseParentPart(unit, map, bytes)) return;
  packs.Count(map, part.parent.map());
  buffer.AddPart(unit.job, unit.part, std::move(map), bytes);
}

void CopyWorker::State::Count(const CopyUnit& unit, std::uint64_t bytes) {
  context.counters.bytes_source += bytes;
  if (unit.part == 0) ++context.counters.files;
}

bool CopyWorker::State::ReuseParentPart(const CopyUnit& unit, const repo::PageMap& map,
                                        std::uint64_t bytes) {
  const repo::PagedContent::Part* part = unit.job->ParentPart(unit.part);
  if (part == nullptr) return false;
  const auto* stored = std::get_if<repo::FrameRef>(&part->map);
  if ((stored != nullptr && !packs.Use(stored->pack)) || !packs.UseAll(map)) return false;
  packs.Count(map, map);
  if (stored != nullptr) packs.CountMeta(*stored);
  unit.job->DeliverPart(unit.part, {.part = *part, .bytes = bytes});
  return true;
}

// ---- files of bytes

void CopyWorker::State::CopyWhole(const std::shared_ptr<FileJob>& job,
                                  const std::stop_token& stop) {
  if (job->entry().size > kMaxHeldFile) return CopyLarge(job, stop);
  base::Bytes content;
  const auto keep = [&](base::ByteView piece) {
    content.insert(content.end(), piece.begin(), piece.end());
  };
  if (!ReadPieces(*job, stop, keep)) return job->Vanished();
  StoreHeld(job, content);
}

void CopyWorker::State::StoreHeld(const std::shared_ptr<FileJob>& job, base::ByteView content) {
  ++context.counters.files;
  context.counters.bytes_source += content.size();
  const repo::ContentDigest digest = repo::DigestOf(context.keyring, content);
  if (content.size() <= repo::kMaxInline) {
    return job->DeliverWhole(content.size(), repo::InlineContent{{content.begin(), content.end()}},
                             digest);
  }
  if (ReuseParentFile(*job, content.size(), digest)) return;
  if (content.size() <= repo::kMaxFrameSize) return buffer.AddSmallFile(job, content, digest);
  std::vector<repo::Extent> extents;
  for (std::size_t start = 0; start < content.size(); start += repo::kMaxFrameSize) {
    extents.push_back(buffer.AddPiece(content.subspan(
        start, std::min<std::size_t>(repo::kMaxFrameSize, content.size() - start))));
  }
  buffer.AddLargeFile(job, content.size(), std::move(extents), digest);
}

void CopyWorker::State::CopyLarge(const std::shared_ptr<FileJob>& job,
                                  const std::stop_token& stop) {
  if (job->parent()) {
    repo::FileDigester first(context.keyring);
    const auto size = ReadPieces(*job, stop, [&](base::ByteView piece) { first.Add(piece); });
    if (!size) return job->Vanished();
    if (ReuseParentFile(*job, *size, first.Finish())) {
      ++context.counters.files;
      context.counters.bytes_source += *size;
      return;
    }
  }
  repo::FileDigester digester(context.keyring);
  std::vector<repo::Extent> extents;
  const auto size = ReadPieces(*job, stop, [&](base::ByteView piece) {
    digester.Add(piece);
    extents.push_back(buffer.AddPiece(piece));
  });
  if (!size) return job->Vanished();
  ++context.counters.files;
  context.counters.bytes_source += *size;
  buffer.AddLargeFile(job, *size, std::move(extents), digester.Finish());
}

bool CopyWorker::State::ReuseParentFile(FileJob& job, std::uint64_t size,
                                        const repo::ContentDigest& digest) {
  if (!job.parent() || job.parent()->size != size || job.parent()->digest != digest) return false;
  const auto* extents = std::get_if<repo::ExtentContent>(&job.parent()->content);
  if (extents == nullptr) return false;
  if (!(size > kMaxHeldFile ? packs.UseAllOfLarge(*extents) : packs.UseAll(*extents))) return false;
  packs.Count(*extents);
  job.DeliverWhole(size, *extents, digest);
  return true;
}

std::optional<std::uint64_t> CopyWorker::State::ReadPieces(
    FileJob& job, const std::stop_token& stop, const std::function<void(base::ByteView)>& piece) {
  std::uint64_t position = 0;
  while (position < job.entry().size) {
    base::ThrowIfStopped(stop);
    const std::uint64_t wanted =
        std::min<std::uint64_t>(repo::kMaxFrameSize, job.entry().size - position);
    const std::optional<std::size_t> count = Read(job, position, wanted);
    if (!count) return std::nullopt;
    if (*count > 0) piece(base::ByteView(read_buffer).first(*count));
    position += *count;
    if (*count < wanted) break;
  }
  return position;
}

}  // namespace holdfast::backup
