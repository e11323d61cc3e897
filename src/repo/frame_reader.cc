#include "repo/frame_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "repo/lru_cache.h"
#include "repo/pack_bytes.h"
#include "repo/read_plan.h"
#include "repo/tree_codec.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint64_t kTailGuess = 64 * base::kKiB;
constexpr std::uint64_t kHeadSize = kPackHeaderSize + kSealedKeySize;

[[noreturn]] void ThrowCorrupt(const PackId& pack, std::string_view why) {
  throw Error(ErrorKind::kCorrupt, fmt::format("pack {} {}", pack.ToHex(), why));
}

// A pack whose table of contents is known. Readers are not thread-safe: each call borrows one.
class OpenPack {
 public:
  OpenPack(const Keyring& keyring, const PackId& id, base::Bytes head, PackFooter footer)
      : keyring_(keyring), id_(id), head_(std::move(head)), footer_(std::move(footer)) {}

  const PackFooter& footer() const { return footer_; }

  base::Bytes OpenFrame(std::uint32_t frame, base::ByteView stored) {
    std::unique_ptr<PackReader> reader = Borrow();
    base::Bytes raw = reader->OpenFrame(footer_, frame, stored);
    const std::scoped_lock lock(mutex_);
    idle_.push_back(std::move(reader));
    return raw;
  }

 private:
  std::unique_ptr<PackReader> Borrow() {
    {
      const std::scoped_lock lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<PackReader> reader = std::move(idle_.back());
        idle_.pop_back();
        return reader;
      }
    }
    return std::make_unique<PackReader>(keyring_, id_, head_);
  }

  const Keyring& keyring_;
  const PackId id_;
  const base::Bytes head_;
  const PackFooter footer_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<PackReader>> idle_;
};

}  // namespace

struct FrameReader::State {
  const Repository& repository;
  PackBytes bytes;
  const std::function<void(const FrameRef&)> admit;
  LruCache<PackId, OpenPack> packs;
  LruCache<FrameRef, const base::Bytes> frames;

  std::shared_ptr<OpenPack> Open(const PackId& pack) {
    if (std::shared_ptr<OpenPack> open = packs.Get(pack)) return open;
    const std::optional<storage::ObjectInfo> info = repository.storage().Stat(PackObject(pack));
    if (!info) ThrowCorrupt(pack, "is missing");
    base::Bytes head = bytes.Read(pack, 0, std::min(info->size, kHeadSize));
    PackReader reader(repository.keyring(), pack, head);
    std::uint64_t tail_size = std::min(info->size, kTailGuess);
    while (true) {
      const base::Bytes tail = bytes.Read(pack, info->size - tail_size, tail_size);
      PackReader::FooterOrNeed result = reader.ReadFooter(tail, info->size);
      if (result.footer) return Keep(pack, std::move(head), std::move(*result.footer));
      if (result.need <= tail_size || result.need > info->size) {
        ThrowCorrupt(pack, "has a footer of an impossible length");
      }
      tail_size = result.need;
    }
  }

  std::shared_ptr<OpenPack> Keep(const PackId& pack, base::Bytes head, PackFooter footer) {
    const std::uint64_t size = footer.memory_bytes() + head.size();
    auto open =
        std::make_shared<OpenPack>(repository.keyring(), pack, std::move(head), std::move(footer));
    packs.Put(pack, open, size);
    return open;
  }

  std::shared_ptr<const base::Bytes> Read(const FrameRef& ref) {
    if (admit) admit(ref);
    if (std::shared_ptr<const base::Bytes> raw = frames.Get(ref)) return raw;
    const std::shared_ptr<OpenPack> pack = Open(ref.pack);
    const FrameInfo& info = pack->footer().frame(ref.frame);
    const base::Bytes stored = bytes.Read(ref.pack, info.offset, info.stored_size);
    auto raw = std::make_shared<const base::Bytes>(pack->OpenFrame(ref.frame, stored));
    frames.Put(ref, raw, raw->size());
    return raw;
  }
};

FrameReader::FrameReader(const Repository& repository, FrameReaderOptions options)
    : state_(
          new State{.repository = repository,
                    .bytes = PackBytes(repository.storage(), options.surroundings_cache_bytes),
                    .admit = std::move(options.admit),
                    .packs = LruCache<PackId, OpenPack>(options.footer_cache_bytes),
                    .frames = LruCache<FrameRef, const base::Bytes>(options.frame_cache_bytes)}) {}
FrameReader::~FrameReader() = default;

std::shared_ptr<const PackFooter> FrameReader::Footer(const PackId& pack) {
  const std::shared_ptr<OpenPack> open = state_->Open(pack);
  return {open, &open->footer()};
}

std::shared_ptr<const base::Bytes> FrameReader::Read(const FrameRef& ref) {
  return state_->Read(ref);
}

std::shared_ptr<const base::Bytes> FrameReader::ReadKind(const FrameRef& ref, FrameKind kind) {
  if (Footer(ref.pack)->frame(ref.frame).kind != kind) {
    ThrowCorrupt(ref.pack, fmt::format("has a frame {} of another kind", ref.frame));
  }
  return Read(ref);
}

void FrameReader::ReadMany(
    const PackId& pack, std::span<const std::uint32_t> frames,
    const std::function<void(std::uint32_t frame, base::ByteView raw)>& visit) {
  if (state_->admit) {
    for (const std::uint32_t frame : frames) state_->admit({pack, frame});
  }
  const std::shared_ptr<OpenPack> open = state_->Open(pack);
  for (const ReadRange& range : PlanReads(open->footer(), frames)) {
    const base::Bytes stored = state_->bytes.Read(pack, range.offset, range.length);
    for (const std::uint32_t frame : range.frames) {
      const FrameInfo& info = open->footer().frame(frame);
      visit(frame, open->OpenFrame(frame, base::ByteView(stored).subspan(info.offset - range.offset,
                                                                         info.stored_size)));
    }
  }
}

PageMap FrameReader::Map(const PagedContent::Part& part) {
  if (const auto* map = std::get_if<PageMap>(&part.map)) return *map;
  const auto& ref = std::get<FrameRef>(part.map);
  return base::WithContext(
      [&] { return fmt::format("pack {}, frame {}", ref.pack.ToHex(), ref.frame); },
      [&] {
        PageMap map = DecodePageMap(*ReadKind(ref, FrameKind::kMap));
        if (map.page_count != part.page_count) {
          throw Error(ErrorKind::kCorrupt, "a page map has a wrong number of pages");
        }
        return map;
      });
}

void FrameReader::ForEachExtent(const ExtentContent& content,
                                const std::function<void(const Extent&)>& visit) {
  for (const Extent& extent : content.extents) visit(extent);
  for (const FrameRef& ref : content.lists) {
    for (const Extent& extent : DecodeExtents(*ReadKind(ref, FrameKind::kExtents))) visit(extent);
  }
}

void FrameReader::ReadContent(const TreeEntry& entry,
                              const std::function<void(base::ByteView)>& visit) {
  std::uint64_t size = 0;
  if (const auto* content = std::get_if<InlineContent>(&entry.content)) {
    size = content->bytes.size();
    visit(content->bytes);
  } else if (const auto* extents = std::get_if<ExtentContent>(&entry.content)) {
    ForEachExtent(*extents, [&](const Extent& extent) {
      const auto frame = Read(extent.frame);
      if (std::uint64_t{extent.offset} + extent.length > frame->size()) {
        ThrowCorrupt(extent.frame.pack, fmt::format("has too short a frame {} for {}",
                                                    extent.frame.frame, entry.path));
      }
      size += extent.length;
      visit(base::ByteView(*frame).subspan(extent.offset, extent.length));
    });
  } else if (std::holds_alternative<PagedContent>(entry.content)) {
    throw Error(ErrorKind::kInternal, fmt::format("{} is read as a small file", entry.path));
  }
  if (size != entry.size) {
    throw Error(ErrorKind::kCorrupt,
                fmt::format("the stored content of {} has {} bytes instead of {}", entry.path, size,
                            entry.size));
  }
}

base::Bytes FrameReader::Content(const TreeEntry& entry) {
  base::Bytes bytes;
  ReadContent(entry,
              [&](base::ByteView piece) { bytes.insert(bytes.end(), piece.begin(), piece.end()); });
  return bytes;
}

}  // namespace holdfast::repo
