#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "repo/pack.h"
#include "repo/tree.h"

namespace holdfast::repo {

namespace {

// Why the entry is wrong; empty when it is not.
using Complaint = std::string_view;

bool IsCleanName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('\0') == std::string_view::npos;
}

Complaint CheckPath(const TreeEntry& entry) {
  if (entry.path.empty()) {
    return entry.type == FileType::kDirectory ? "" : "has no path";
  }
  if (entry.path.size() > kMaxPath) return "has too long a path";
  std::string_view rest = entry.path;
  while (true) {
    const std::size_t slash = rest.find('/');
    if (!IsCleanName(rest.substr(0, slash))) return "has a path that is not clean";
    if (slash == std::string_view::npos) return "";
    rest.remove_prefix(slash + 1);
  }
}

Complaint CheckSymlink(const TreeEntry& entry) {
  const std::string& target = entry.link_target;
  if (entry.type != FileType::kSymlink) return target.empty() ? "" : "has a link target";
  if (target.empty() || target.size() > kMaxPath) return "has no link target, or too long a one";
  return target.find('\0') == std::string::npos ? "" : "has a NUL in its link target";
}

struct ContentCheck {
  std::uint64_t size;

  Complaint operator()(std::monostate) const { return size == 0 ? "" : "has no content"; }
  Complaint operator()(const InlineContent& content) const {
    if (content.bytes.size() > kMaxInline) return "has too much inline content";
    return content.bytes.size() == size ? "" : "has a size that is not its content's";
  }
  Complaint operator()(const ExtentContent& content) const {
    if (!content.lists.empty()) return content.extents.empty() ? "" : "has extents in two places";
    std::uint64_t sum = 0;
    for (const Extent& extent : content.extents) {
      if (extent.length == 0 || std::uint64_t{extent.offset} + extent.length > kMaxFrameSize) {
        return "has an extent that is out of range";
      }
      sum += extent.length;
    }
    return sum == size ? "" : "has a size that is not its content's";
  }
  Complaint operator()(const PagedContent& content) const {
    std::uint64_t pages = 0;
    for (const PagedContent::Part& part : content.parts) {
      const bool last = &part == &content.parts.back();
      if (last ? part.page_count == 0 || part.page_count > kPagesPerMap
               : part.page_count != kPagesPerMap) {
        return "has a part with a wrong number of pages";
      }
      const auto* map = std::get_if<PageMap>(&part.map);
      if (map != nullptr && map->page_count != part.page_count) {
        return "has a map that is not of its part";
      }
      pages += part.page_count;
    }
    return pages == size / kPageSize + (size % kPageSize != 0 ? 1 : 0)
               ? ""
               : "has a size that is not its content's";
  }
};

Complaint CheckContent(const TreeEntry& entry) {
  if (entry.type == FileType::kRegular) return std::visit(ContentCheck{entry.size}, entry.content);
  if (entry.size != 0 || !base::AllZero(entry.digest) ||
      !std::holds_alternative<std::monostate>(entry.content)) {
    return "has content, but is no file";
  }
  return "";
}

}  // namespace

void CheckTreeEntry(const TreeEntry& entry, base::ErrorKind kind) {
  const auto require = [&](Complaint complaint) {
    if (!complaint.empty()) {
      throw base::Error(kind, fmt::format("the tree entry \"{}\" {}", entry.path, complaint));
    }
  };
  require(CheckPath(entry));
  require(CheckSymlink(entry));
  require(entry.mode > 07777 ? "has mode bits that are no permissions" : "");
  require(CheckContent(entry));
}

}  // namespace holdfast::repo
