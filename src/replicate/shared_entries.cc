#include "replicate/shared_entries.h"

#include <utility>

namespace holdfast::replicate {

SharedEntries::SharedEntries(const Sides& sides, const std::optional<SharedBackup>& shared) {
  if (!shared) return;
  const auto pass_by = [](const repo::FrameRef&, const base::Error&) {};
  from_.reader.emplace(sides.from_frames, shared->from.facts.tree, pass_by);
  to_.reader.emplace(sides.to_frames, shared->to.facts.tree, pass_by);
  from_.next = from_.reader->Next();
  to_.next = to_.reader->Next();
}

std::optional<repo::TreeEntry> SharedEntries::Walk::Take(const std::string& path) {
  while (next && next->path < path) next = reader->Next();
  if (!next || next->path != path) return std::nullopt;
  return std::exchange(next, reader->Next());
}

std::optional<SharedEntries::Pair> SharedEntries::Take(const std::string& path) {
  std::optional<repo::TreeEntry> from = from_.Take(path);
  std::optional<repo::TreeEntry> to = to_.Take(path);
  if (!from || !to) return std::nullopt;
  return Pair{.from = std::move(*from), .to = std::move(*to)};
}

std::optional<SharedPart> PartOf(const std::optional<SharedEntries::Pair>& shared,
                                 std::size_t part) {
  if (!shared) return std::nullopt;
  const auto* from = std::get_if<repo::PagedContent>(&shared->from.content);
  const auto* to = std::get_if<repo::PagedContent>(&shared->to.content);
  if (from == nullptr || to == nullptr || part >= from->parts.size() || part >= to->parts.size()) {
    return std::nullopt;
  }
  return SharedPart{.from = &from->parts[part], .to = &to->parts[part]};
}

}  // namespace holdfast::replicate
