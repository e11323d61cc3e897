#include "repo/tree_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "repo/pack.h"

namespace holdfast::repo {

namespace {

using base::ByteReader;
using base::ByteWriter;
using base::Error;
using base::ErrorKind;

constexpr std::uint8_t kVersion = 1;
constexpr std::uint32_t kMaxPacksPerFrame = kMaxLongFrameSize / sizeof(PackId::bytes);

// What a record says about its content; kDigest is a flag.
enum ContentKind : std::uint8_t {
  kNone = 0,
  kInline = 1,
  kExtentsHere = 2,
  kExtentLists = 3,
  kPaged = 4,
  kDigest = 0x80,
};
// Index frames are cut at about this size, or at half of what their paths may come to.
constexpr std::size_t kIndexFrameSize = 64 * base::kKiB;
constexpr std::uint64_t kMaxIndexPathBytes = 8 * base::kMiB;
constexpr std::uint8_t kMapHere = 0;
constexpr std::uint8_t kMapFrame = 1;

[[noreturn]] void ThrowCorrupt(std::string message) {
  throw Error(ErrorKind::kCorrupt, std::move(message));
}

std::uint32_t ReadU32(ByteReader& in) {
  return static_cast<std::uint32_t>(in.VarintUpTo(std::numeric_limits<std::uint32_t>::max()));
}

void ExpectVersion(ByteReader& in, std::string_view what) {
  if (const std::uint8_t version = in.U8(); version != kVersion) {
    ThrowCorrupt(fmt::format("{} has the unknown version {}", what, version));
  }
}

const PackId& PackNumber(const std::vector<PackId>& packs, std::uint64_t number) {
  if (number >= packs.size()) ThrowCorrupt("a tree frame refers to a pack that it does not name");
  return packs[number];
}

// Paths share a beginning with the one before them: its length, then the rest.
void WritePath(ByteWriter& out, std::string_view path, std::string_view previous) {
  const auto shared =
      static_cast<std::size_t>(std::ranges::mismatch(path, previous).in1 - path.begin());
  out.Varint(shared);
  out.Sized(path.substr(shared));
}

std::string ReadPath(ByteReader& in, const std::optional<std::string>& previous) {
  const std::string_view before = previous ? std::string_view(*previous) : std::string_view();
  const std::size_t shared = in.VarintUpTo(before.size());
  std::string path(before.substr(0, shared));
  path += base::AsText(in.Sized());
  if (path.size() > kMaxPath) ThrowCorrupt("a tree frame has too long a path");
  if (previous && path <= *previous) ThrowCorrupt("a tree frame is not in order");
  return path;
}

void WriteRef(ByteWriter& out, const FrameRef& ref, PackTableBuilder& table) {
  out.Varint(table.Number(ref.pack));
  out.Varint(ref.frame);
}

// Content of every kind, after the kind itself.
struct ContentWriter {
  ByteWriter& out;
  PackTableBuilder& table;

  void operator()(std::monostate) const {}
  void operator()(const InlineContent& content) const { out.Sized(content.bytes); }
  void operator()(const ExtentContent& content) const {
    if (!content.lists.empty()) {
      out.Varint(content.lists.size());
      for (const FrameRef& list : content.lists) WriteRef(out, list, table);
      return;
    }
    out.Varint(content.extents.size());
    for (const Extent& extent : content.extents) {
      WriteRef(out, extent.frame, table);
      out.Varint(extent.offset);
      out.Varint(extent.length);
    }
  }
  void operator()(const PagedContent& content) const {
    out.Varint(content.parts.size());
    for (const PagedContent::Part& part : content.parts) {
      out.Varint(part.page_count);
      if (const auto* ref = std::get_if<FrameRef>(&part.map)) {
        out.U8(kMapFrame);
        WriteRef(out, *ref, table);
        continue;
      }
      const auto& map = std::get<PageMap>(part.map);
      CheckPageMap(map, ErrorKind::kInternal);
      out.U8(kMapHere);
      out.Varint(map.packs.size());
      for (const PackId& pack : map.packs) out.Varint(table.Number(pack));
      WritePageRuns(out, map);
    }
  }
};

std::uint8_t KindOf(const Content& content) {
  if (std::holds_alternative<InlineContent>(content)) return kInline;
  if (std::holds_alternative<PagedContent>(content)) return kPaged;
  if (const auto* extents = std::get_if<ExtentContent>(&content)) {
    return extents->lists.empty() ? kExtentsHere : kExtentLists;
  }
  return kNone;
}

base::Bytes EncodeFrame(std::span<const PackId> packs, std::uint64_t count,
                        base::ByteView records) {
  ByteWriter out;
  out.U8(kVersion);
  WritePackTable(out, packs);
  out.Varint(count);
  out.Raw(records);
  return out.Take();
}

std::size_t FrameSize(std::size_t packs, std::size_t records) {
  return packs * sizeof(PackId::bytes) + records + 16;
}

}  // namespace

void TreeGroupEncoder::Add(const TreeEntry& entry) {
  if (count_ == 0) first_path_ = entry.path;
  WritePath(records_, entry.path, last_path_);
  records_.U8(static_cast<std::uint8_t>(entry.type));
  records_.Varint(entry.mode);
  records_.Varint(entry.uid);
  records_.Varint(entry.gid);
  records_.Varint(ZigZag(entry.modified.time_since_epoch().count()));
  if (entry.type == FileType::kSymlink) {
    records_.Sized(entry.link_target);
  }
  if (entry.type == FileType::kRegular) {
    const bool digest = !base::AllZero(entry.digest);
    records_.Varint(entry.size);
    records_.U8(static_cast<std::uint8_t>(KindOf(entry.content) | (digest ? kDigest : 0)));
    if (digest) records_.Raw(entry.digest);
    std::visit(ContentWriter{records_, table_}, entry.content);
  }
  last_path_ = entry.path;
  ++count_;
}

std::size_t TreeGroupEncoder::size() const {
  return FrameSize(table_.packs().size(), records_.size());
}

base::Bytes TreeGroupEncoder::Encode(std::span<const PackId> packs) const {
  return EncodeFrame(packs, count_, records_.view());
}

void TreeGroupEncoder::Clear() {
  table_.Clear();
  records_ = {};
  count_ = 0;
  last_path_.clear();
}

TreeGroupDecoder::TreeGroupDecoder(base::ByteView frame, const PackId& self)
    : in_(frame, "a tree frame") {
  ExpectVersion(in_, "a tree frame");
  packs_ = ReadPackTable(in_, kMaxPacksPerFrame, self);
  left_ = in_.Varint();
}

std::optional<TreeEntry> TreeGroupDecoder::Next() {
  if (left_ == 0) {
    in_.ExpectEnd();
    return std::nullopt;
  }
  --left_;
  TreeEntry entry;
  entry.path = ReadPath(in_, last_path_);
  const std::uint8_t type = in_.U8();
  if (type < 1 || type > 3) ThrowCorrupt(fmt::format("a tree frame has the file type {}", type));
  entry.type = static_cast<FileType>(type);
  entry.mode = ReadU32(in_);
  entry.uid = ReadU32(in_);
  entry.gid = ReadU32(in_);
  entry.modified = base::Time(base::Duration(UnZigZag(in_.Varint())));
  if (entry.type == FileType::kSymlink) entry.link_target = in_.SizedText();
  if (entry.type == FileType::kRegular) {
    entry.size = in_.Varint();
    const std::uint8_t kind = in_.U8();
    if ((kind & kDigest) != 0) {
      std::ranges::copy(in_.Raw(entry.digest.size()), entry.digest.begin());
      if (base::AllZero(entry.digest)) ThrowCorrupt("a tree frame has an empty digest");
    }
    entry.content = ReadContent(static_cast<std::uint8_t>(kind & ~kDigest));
  }
  CheckTreeEntry(entry, ErrorKind::kCorrupt);
  last_path_ = entry.path;
  return entry;
}

FrameRef TreeGroupDecoder::ReadRef() {
  const PackId& pack = PackNumber(packs_, in_.Varint());
  return {pack, ReadU32(in_)};
}

Content TreeGroupDecoder::ReadContent(std::uint8_t kind) {
  switch (kind) {
    case kNone:
      return {};
    case kInline: {
      const base::ByteView bytes = in_.Sized();
      return InlineContent{{bytes.begin(), bytes.end()}};
    }
    case kExtentsHere: {
      ExtentContent content;
      // Four bytes at least, each.
      content.extents.resize(in_.VarintUpTo(in_.remaining() / 4));
      for (Extent& extent : content.extents) {
        extent.frame = ReadRef();
        extent.offset = ReadU32(in_);
        extent.length = ReadU32(in_);
      }
      return content;
    }
    case kExtentLists: {
      ExtentContent content;
      content.lists.resize(in_.VarintUpTo(in_.remaining() / 2));
      for (FrameRef& list : content.lists) list = ReadRef();
      if (content.lists.empty()) ThrowCorrupt("a tree frame has extent lists, but none");
      return content;
    }
    case kPaged:
      return ReadPaged();
    default:
      ThrowCorrupt(fmt::format("a tree frame has the content kind {}", kind));
  }
}

PagedContent TreeGroupDecoder::ReadPaged() {
  PagedContent content;
  const std::uint64_t count = in_.VarintUpTo(in_.remaining() / 4);
  for (std::uint64_t i = 0; i < count; ++i) {
    PagedContent::Part part;
    part.page_count = static_cast<std::uint32_t>(in_.VarintUpTo(kPagesPerMap));
    const std::uint8_t where = in_.U8();
    if (where == kMapFrame) {
      part.map = ReadRef();
    } else if (where == kMapHere) {
      PageMap map{.page_count = part.page_count, .packs = {}, .runs = {}};
      const std::uint64_t packs =
          in_.VarintUpTo(std::min<std::uint64_t>(part.page_count, packs_.size()));
      for (std::uint64_t k = 0; k < packs; ++k) {
        map.packs.push_back(PackNumber(packs_, in_.Varint()));
      }
      ReadPageRuns(in_, map);
      part.map = std::move(map);
    } else {
      ThrowCorrupt(fmt::format("a tree frame has a map of the unknown kind {}", where));
    }
    content.parts.push_back(std::move(part));
  }
  return content;
}

void TreeIndexEncoder::Add(const TreeIndexEntry& entry) {
  WritePath(records_, entry.first_path, last_path_);
  WriteRef(records_, entry.frame, table_);
  last_path_ = entry.first_path;
  path_bytes_ += entry.first_path.size();
  ++count_;
}

bool TreeIndexEncoder::full() const {
  return FrameSize(table_.packs().size(), records_.size()) >= kIndexFrameSize ||
         path_bytes_ >= kMaxIndexPathBytes / 2;
}

base::Bytes TreeIndexEncoder::Encode(std::span<const PackId> packs) const {
  return EncodeFrame(packs, count_, records_.view());
}

void TreeIndexEncoder::Clear() {
  table_.Clear();
  records_ = {};
  count_ = 0;
  path_bytes_ = 0;
  last_path_.clear();
}

std::vector<TreeIndexEntry> DecodeTreeIndex(base::ByteView frame, const PackId& self) {
  ByteReader in(frame, "a tree index frame");
  ExpectVersion(in, "a tree index frame");
  const std::vector<PackId> packs = ReadPackTable(in, kMaxPacksPerFrame, self);
  const std::uint64_t count = in.VarintUpTo(in.remaining() / 4);
  std::vector<TreeIndexEntry> entries;
  // What the paths grow to is not bounded by the frame's size, as they share their beginnings.
  std::uint64_t path_bytes = 0;
  std::optional<std::string> previous;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string path = ReadPath(in, previous);
    path_bytes += path.size();
    if (path_bytes > kMaxIndexPathBytes) ThrowCorrupt("a tree index frame has too many paths");
    previous = path;
    const PackId& pack = PackNumber(packs, in.Varint());
    entries.push_back({std::move(path), {pack, ReadU32(in)}});
  }
  in.ExpectEnd();
  if (entries.empty()) ThrowCorrupt("a tree index frame is empty");
  return entries;
}

// Extents of one file mostly follow each other: a frame is told relative to the one before it.
base::Bytes EncodeExtents(std::span<const Extent> extents) {
  PackTableBuilder table([](const PackId& pack) { return pack; });
  ByteWriter records;
  std::uint32_t previous = 0;
  for (const Extent& extent : extents) {
    records.Varint(table.Number(extent.frame.pack));
    records.Varint(ZigZag(std::int64_t{extent.frame.frame} - std::int64_t{previous}));
    records.Varint(extent.offset);
    records.Varint(extent.length);
    previous = extent.frame.frame;
  }
  return EncodeFrame(table.packs(), extents.size(), records.view());
}

std::vector<Extent> DecodeExtents(base::ByteView frame) {
  ByteReader in(frame, "an extent list");
  ExpectVersion(in, "an extent list");
  const std::vector<PackId> packs = ReadPackTable(in, kMaxPacksPerFrame, PackId{});
  std::vector<Extent> extents(in.VarintUpTo(in.remaining() / 4));
  std::uint32_t previous = 0;
  for (Extent& extent : extents) {
    extent.frame.pack = PackNumber(packs, in.Varint());
    const std::uint64_t number = previous + static_cast<std::uint64_t>(UnZigZag(in.Varint()));
    if (number > std::numeric_limits<std::uint32_t>::max()) {
      ThrowCorrupt("an extent list has a frame that is out of range");
    }
    extent.frame.frame = previous = static_cast<std::uint32_t>(number);
    extent.offset = ReadU32(in);
    extent.length = ReadU32(in);
    if (extent.length == 0 || std::uint64_t{extent.offset} + extent.length > kMaxFrameSize) {
      ThrowCorrupt("an extent list has an extent that is out of range");
    }
  }
  in.ExpectEnd();
  if (extents.empty()) ThrowCorrupt("an extent list is empty");
  return extents;
}

// FNV-1a, its bits mixed once more (the low ones depend on too little of the path).
bool StartsTreeGroup(std::string_view path) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char byte : path) {
    hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001B3;
  }
  hash ^= hash >> 32;
  hash *= 0x9E3779B97F4A7C15;
  return hash >> 57 == 0;
}

}  // namespace holdfast::repo
