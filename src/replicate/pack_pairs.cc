#include "replicate/pack_pairs.h"

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace holdfast::replicate {

namespace {

bool IsContent(repo::FrameKind kind) {
  return kind == repo::FrameKind::kPages || kind == repo::FrameKind::kBytes;
}

bool SameFrame(const repo::FrameInfo& a, const repo::FrameInfo& b) {
  return a.kind == b.kind && a.raw_size == b.raw_size;
}

}  // namespace

bool HoldsContentOnly(const repo::PackFooter& footer) {
  return std::ranges::all_of(footer.frames(),
                             [](const repo::FrameInfo& frame) { return IsContent(frame.kind); });
}

std::optional<repo::PackId> PackPairs::Find(const repo::PackId& from) const {
  return pairs_.With([&](const auto& pairs) -> std::optional<repo::PackId> {
    const auto found = pairs.find(from);
    return found == pairs.end() ? std::nullopt : std::optional(found->second);
  });
}

void PackPairs::Add(const repo::PackId& from, const repo::PackId& to) {
  pairs_.With([&](auto& pairs) { pairs.insert_or_assign(from, to); });
}

void PackPairs::Offer(const repo::PackId& from, const repo::PackId& to) {
  if (Find(from) || !Correspond(from, to)) return;
  pairs_.With([&](auto& pairs) { pairs.try_emplace(from, to); });
}

// What cannot be read at either side is no pair: it is copied, and then told of.
bool PackPairs::Correspond(const repo::PackId& from, const repo::PackId& to) {
  if (writer_.IsCondemned(to) || writer_.IsMarkedDamaged(to)) return false;
  try {
    return std::ranges::equal(from_.Footer(from)->frames(), to_.Footer(to)->frames(), SameFrame);
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return false;
  }
}

void PackPairs::Learn(const repo::PageMap& from, const repo::PageMap& to) {
  if (from.page_count != to.page_count || from.runs != to.runs) return;
  for (std::size_t i = 0; i < std::min(from.packs.size(), to.packs.size()); ++i) {
    Offer(from.packs[i], to.packs[i]);
  }
}

void PackPairs::Learn(const repo::ExtentContent& from, const repo::ExtentContent& to) {
  std::vector<repo::Extent> theirs;
  to_.ForEachExtent(to, [&](const repo::Extent& extent) { theirs.push_back(extent); });
  auto next = theirs.begin();
  from_.ForEachExtent(from, [&](const repo::Extent& ours) {
    if (next == theirs.end()) return;
    const repo::Extent& other = *next++;
    if (ours.frame.frame == other.frame.frame && ours.offset == other.offset &&
        ours.length == other.length) {
      Offer(ours.frame.pack, other.frame.pack);
    }
  });
}

}  // namespace holdfast::replicate
