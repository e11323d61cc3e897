#include "upkeep/file_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "repo/file_digest.h"
#include "repo/pack.h"
#include "repo/page_map.h"

namespace holdfast::upkeep {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t kMaxListedPages = 1000;

// The pack's table of contents; null when it cannot be had, which is logged.
std::shared_ptr<const repo::PackFooter> FooterOf(const FileCheckContext& context,
                                                 const repo::PackId& pack) {
  const std::optional<BadPack> bad = context.log.Find(pack);
  if (bad && bad->whole) return nullptr;
  try {
    return context.frames.Footer(pack);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) throw;
    context.log.AddPack(pack, error.message());
    return nullptr;
  }
}

codec::Digest KeyOfMap(const repo::FrameRef& map, std::uint32_t page_count) {
  base::ByteWriter key;
  key.Raw("map");
  key.Raw(map.pack.bytes);
  key.U32(map.frame);
  key.U32(page_count);
  return codec::Sha256(key.view());
}

void WriteRef(base::ByteWriter& out, const repo::FrameRef& ref) {
  out.Raw(ref.pack.bytes);
  out.U32(ref.frame);
}

codec::Digest KeyOfContent(const repo::TreeEntry& entry, const repo::ExtentContent& content) {
  base::ByteWriter key;
  key.Raw("content");
  key.Raw(entry.digest);
  key.U64(entry.size);
  for (const repo::FrameRef& list : content.lists) WriteRef(key, list);
  for (const repo::Extent& extent : content.extents) {
    WriteRef(key, extent.frame);
    key.U32(extent.offset);
    key.U32(extent.length);
  }
  return codec::Sha256(key.view());
}

// A stretch of consecutive pages in one frame.
struct PageStretch {
  repo::FrameRef frame;
  std::uint32_t index = 0;  // of the first, in the frame
  std::uint32_t page = 0;   // of the first, in the file
  std::uint32_t count = 0;
};

// The hits of one file, by the pack that is to blame.
class FileCheck {
 public:
  FileCheck(const FileCheckContext& context, const repo::TreeEntry& entry)
      : context_(context), entry_(entry) {}

  void operator()(const std::monostate&) {}
  void operator()(const repo::InlineContent&) {}

  void operator()(const repo::ExtentContent& content) {
    const codec::Digest key = KeyOfContent(entry_, content);
    if (context_.sound.Contains(key)) {
      known_sound_ = true;
      return;
    }
    sound_key_ = key;
    for (const repo::Extent& extent : content.extents) LookAt(extent);
    for (const repo::FrameRef& list : content.lists) LookAtList(list);
  }

  void operator()(const repo::PagedContent& content) {
    std::uint32_t first_page = 0;
    for (const repo::PagedContent::Part& part : content.parts) {
      LookAt(part, first_page);
      first_page += part.page_count;
    }
  }

  bool known_sound() const { return known_sound_; }
  const std::optional<codec::Digest>& sound_key() const { return sound_key_; }
  std::map<repo::PackId, Damage::Hit>& hits() { return hits_; }

 private:
  Damage::Hit& Blame(const repo::PackId& pack) { return hits_[pack]; }

  void BlamePages(const repo::PackId& pack, std::uint32_t first, std::uint32_t count) {
    Damage::Hit& hit = Blame(pack);
    hit.page_count += count;
    for (std::uint32_t i = 0; i < count && hit.pages.size() < kMaxListedPages; ++i) {
      hit.pages.push_back(first + i);
    }
  }

  // Reads a frame of metadata by `read`; false when it cannot be had, which is logged.
  template <typename Read>
  bool CanRead(const repo::FrameRef& frame, Read&& read) {
    try {
      read();
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kCorrupt) throw;
      BlameFrame(context_, frame, error);
      return false;
    }
  }

  void LookAtList(const repo::FrameRef& list) {
    std::vector<repo::Extent> extents;
    const bool read = CanRead(list, [&] {
      context_.frames.ForEachExtent({.extents = {}, .lists = {list}},
                                    [&](const repo::Extent& extent) { extents.push_back(extent); });
    });
    if (!read) Blame(list.pack);
    for (const repo::Extent& extent : extents) LookAt(extent);
  }

  void LookAt(const repo::Extent& extent) {
    const repo::FrameRef& ref = extent.frame;
    const auto footer = context_.depth.references ? FooterOf(context_, ref.pack) : nullptr;
    if (context_.log.Takes(ref)) {
      Blame(ref.pack);
    } else if (footer && !Holds(*footer, extent)) {
      context_.log.AddPackProblem(ref.pack, fmt::format("it has no frame {} with what {} refers to",
                                                        ref.frame, entry_.path));
      Blame(ref.pack);
    }
  }

  static bool Holds(const repo::PackFooter& footer, const repo::Extent& extent) {
    if (extent.frame.frame >= footer.frames().size()) return false;
    const repo::FrameInfo& frame = footer.frame(extent.frame.frame);
    return frame.kind == repo::FrameKind::kBytes &&
           std::uint64_t{extent.offset} + extent.length <= frame.raw_size;
  }

  void LookAt(const repo::PagedContent::Part& part, std::uint32_t first_page) {
    const auto* stored = std::get_if<repo::FrameRef>(&part.map);
    if (stored == nullptr) {
      (void)AllRunsAreSound(std::get<repo::PageMap>(part.map), first_page);
      return;
    }
    const codec::Digest key = KeyOfMap(*stored, part.page_count);
    if (context_.sound.Contains(key)) return;
    repo::PageMap map;
    if (!CanRead(*stored, [&] { map = context_.frames.Map(part); })) {
      BlamePages(stored->pack, first_page, part.page_count);
    } else if (AllRunsAreSound(map, first_page)) {
      context_.sound.Add(key);
    }
  }

  bool AllRunsAreSound(const repo::PageMap& map, std::uint32_t first_page) {
    bool sound = true;
    for (const repo::PageRun& run : map.runs) {
      if (run.pack == repo::PageRun::kZero) continue;
      sound = RunIsSound(map.packs[run.pack], run, first_page) && sound;
    }
    return sound;
  }

  bool RunIsSound(const repo::PackId& pack, const repo::PageRun& run, std::uint32_t first_page) {
    const auto footer = context_.depth.references ? FooterOf(context_, pack) : nullptr;
    const std::optional<BadPack> bad = context_.log.Find(pack);
    if (!bad && !footer) return true;
    bool sound = true;
    for (std::uint32_t done = 0; done < run.page_count;) {
      const std::uint32_t position = run.first_in_frame + done;
      const std::uint32_t index = position % repo::kPagesPerFrame;
      const PageStretch stretch{
          .frame = {pack, run.frame + position / repo::kPagesPerFrame},
          .index = index,
          .page = first_page + run.first_page + done,
          .count = std::min(repo::kPagesPerFrame - index, run.page_count - done)};
      sound = StretchIsSound(stretch, bad, footer.get()) && sound;
      done += stretch.count;
    }
    return sound;
  }

  bool StretchIsSound(const PageStretch& stretch, const std::optional<BadPack>& bad,
                      const repo::PackFooter* footer) {
    if (bad && bad->Takes(stretch.frame.frame)) {
      BlamePages(stretch.frame.pack, stretch.page, stretch.count);
      return false;
    }
    if (footer == nullptr) return true;
    const std::uint32_t held = std::max(PagesOf(*footer, stretch.frame.frame), stretch.index);
    const std::uint32_t sound = std::min(held - stretch.index, stretch.count);
    if (sound == stretch.count) return true;
    context_.log.AddPackProblem(
        stretch.frame.pack, fmt::format("it has no page {} of frame {}, which {} refers to", held,
                                        stretch.frame.frame, entry_.path));
    BlamePages(stretch.frame.pack, stretch.page + sound, stretch.count - sound);
    return false;
  }

  static std::uint32_t PagesOf(const repo::PackFooter& footer, std::uint32_t number) {
    if (number >= footer.frames().size()) return 0;
    const repo::FrameInfo& frame = footer.frame(number);
    return frame.kind == repo::FrameKind::kPages ? frame.raw_size / repo::kPageSize : 0;
  }

  const FileCheckContext& context_;
  const repo::TreeEntry& entry_;
  std::map<repo::PackId, Damage::Hit> hits_;
  std::optional<codec::Digest> sound_key_;
  bool known_sound_ = false;
};

std::string ProblemOfDigest(const FileCheckContext& context, const repo::TreeEntry& entry) {
  try {
    repo::FileDigester digester(context.keyring);
    context.frames.ReadContent(entry, [&](base::ByteView piece) { digester.Add(piece); });
    if (digester.Finish() == entry.digest) return "";
    return fmt::format("the content of {} is not the one that was digested", entry.path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) throw;
    return fmt::format("the content of {} cannot be read: {}", entry.path, error.message());
  }
}

bool HasDigest(const repo::TreeEntry& entry) {
  return !std::holds_alternative<repo::PagedContent>(entry.content) && !base::AllZero(entry.digest);
}

// All that the file is made of is sound, so it is the backup's record of it that is not.
bool DigestIsSound(const FileCheckContext& context, const repo::BackupId& backup,
                   const repo::TreeEntry& entry) {
  const std::string problem = ProblemOfDigest(context, entry);
  if (problem.empty()) return true;
  const std::string object = repo::SnapshotObject(backup);
  context.log.Add(object, problem);
  context.log.AddHit(object, {.backup = backup.ToString(), .path = entry.path});
  return false;
}

}  // namespace

std::vector<repo::PackId> CheckFile(const FileCheckContext& context, const repo::BackupId& backup,
                                    const repo::TreeEntry& entry) {
  FileCheck check(context, entry);
  std::visit(check, entry.content);
  if (check.known_sound()) return {};
  std::vector<repo::PackId> packs;
  for (auto& [pack, hit] : check.hits()) {
    hit.backup = backup.ToString();
    hit.path = entry.path;
    context.log.AddPackHit(pack, std::move(hit));
    packs.push_back(pack);
  }
  if (!packs.empty()) return packs;
  const bool digest_is_due = context.depth.digests && HasDigest(entry);
  if (digest_is_due && !DigestIsSound(context, backup, entry)) return {};
  if (check.sound_key()) context.sound.Add(*check.sound_key());
  return {};
}

void BlameFrame(const FileCheckContext& context, const repo::FrameRef& frame,
                const base::Error& error) {
  if (FooterOf(context, frame.pack) != nullptr) {
    context.log.AddPackProblem(frame.pack, error.message());
  }
}

}  // namespace holdfast::upkeep
