#include "replicate/tree_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "replicate/shared_entries.h"
#include "repo/content_store.h"
#include "repo/file_digest.h"
#include "repo/parent_tree.h"

namespace holdfast::replicate {

namespace {

using SharedPair = std::optional<SharedEntries::Pair>;

// Gathers the packs of content, and pairs for them where the shared backup has some.
class Gathering {
 public:
  Gathering(const Sides& sides, const CopyNotes& notes, PackPairs& pairs)
      : sides_(sides), notes_(notes), pairs_(pairs) {}

  void Add(const repo::PagedContent& content, const SharedPair& shared) {
    for (std::size_t i = 0; i < content.parts.size(); ++i) {
      const repo::PageMap map = sides_.from_frames.Map(content.parts[i]);
      bool known = true;
      for (const repo::PackId& pack : map.packs) known = IsKnown(pack) && known;
      const std::optional<SharedPart> part = PartOf(shared, i);
      if (!known && part) {
        (void)CanRead([&] {
          pairs_.Learn(sides_.from_frames.Map(*part->from), sides_.to_frames.Map(*part->to));
        });
      }
    }
  }

  void Add(const repo::ExtentContent& content, const SharedPair& shared) {
    bool known = true;
    sides_.from_frames.ForEachExtent(
        content, [&](const repo::Extent& extent) { known = IsKnown(extent.frame.pack) && known; });
    if (known || !shared) return;
    const auto* from = std::get_if<repo::ExtentContent>(&shared->from.content);
    const auto* to = std::get_if<repo::ExtentContent>(&shared->to.content);
    if (from != nullptr && to != nullptr) (void)CanRead([&] { pairs_.Learn(*from, *to); });
  }

  std::vector<repo::PackId> Missing() const {
    std::vector<repo::PackId> missing;
    for (const repo::PackId& pack : needed_) {
      if (!pairs_.Find(pack) && HoldsContentOnly(*sides_.from_frames.Footer(pack))) {
        missing.push_back(pack);
      }
    }
    return missing;
  }

 private:
  // Counts the pack as needed.
  bool IsKnown(const repo::PackId& pack) {
    const bool is_new = needed_.insert(pack).second;
    const auto noted = is_new ? notes_.Find(pack) : std::nullopt;
    if (noted) pairs_.Offer(pack, *noted);
    return pairs_.Find(pack).has_value();
  }

  const Sides& sides_;
  const CopyNotes& notes_;
  PackPairs& pairs_;
  std::set<repo::PackId> needed_;
};

// The digest of a file's content by the target's keys; the content is compared with its own first.
repo::ContentDigest NewDigest(const Sides& sides, const repo::TreeEntry& entry) {
  if (base::AllZero(entry.digest)) return {};  // it has none: a relation without pages
  repo::FileDigester ours(sides.from.keyring());
  repo::FileDigester theirs(sides.to.keyring());
  sides.from_frames.ReadContent(entry, [&](base::ByteView piece) {
    ours.Add(piece);
    theirs.Add(piece);
  });
  if (ours.Finish() != entry.digest) {
    throw base::Error(
        base::ErrorKind::kCorrupt,
        fmt::format("the stored content of {} is not what was backed up", entry.path));
  }
  return theirs.Finish();
}

class Rewriting {
 public:
  Rewriting(const Sides& sides, repo::Writer& writer, const PackPairs& pairs)
      : sides_(sides), writer_(writer), pairs_(pairs) {}

  repo::TreeEntry Rewrite(const repo::TreeEntry& entry, const SharedPair& shared) {
    if (entry.type != repo::FileType::kRegular) return entry;
    repo::TreeEntry copy = entry;
    if (const auto* paged = std::get_if<repo::PagedContent>(&entry.content)) {
      copy.content = Rewrite(*paged, shared);
      return copy;
    }
    const bool same = shared && shared->from.content == entry.content &&
                      shared->from.size == entry.size && shared->from.digest == entry.digest;
    copy.digest = same ? shared->to.digest : NewDigest(sides_, entry);
    if (const auto* extents = std::get_if<repo::ExtentContent>(&entry.content)) {
      copy.content = Rewrite(*extents, shared);
    }
    return copy;
  }

 private:
  repo::PackId PairOf(const repo::PackId& pack) const {
    if (const auto pair = pairs_.Find(pack)) return *pair;
    // Every pack of content was copied by now.
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("pack {} holds metadata where pages should be", pack.ToHex()));
  }

  repo::PagedContent Rewrite(const repo::PagedContent& content, const SharedPair& shared) {
    repo::PagedContent copy;
    for (std::size_t i = 0; i < content.parts.size(); ++i) {
      repo::PageMap map = sides_.from_frames.Map(content.parts[i]);
      for (repo::PackId& pack : map.packs) pack = PairOf(pack);
      copy.parts.push_back(Store(std::move(map), PartOf(shared, i)));
    }
    return copy;
  }

  repo::PagedContent::Part Store(repo::PageMap map, const std::optional<SharedPart>& shared) {
    const auto* stored = shared ? std::get_if<repo::FrameRef>(&shared->to->map) : nullptr;
    bool same = false;
    if (stored != nullptr && MayUse(stored->pack)) {
      (void)CanRead([&] { same = sides_.to_frames.Map(*shared->to) == map; });
    }
    if (!same) return repo::StoreMap(writer_, std::move(map));
    for (const repo::PackId& pack : map.packs) writer_.Use(pack);
    writer_.Use(stored->pack);
    return *shared->to;
  }

  bool MayUse(const repo::PackId& pack) const {
    return !writer_.IsCondemned(pack) && !writer_.IsMarkedDamaged(pack);
  }

  repo::ExtentContent Rewrite(const repo::ExtentContent& content, const SharedPair& shared) {
    std::vector<repo::Extent> extents;
    bool beside_the_tree = false;
    sides_.from_frames.ForEachExtent(content, [&](repo::Extent extent) {
      if (const auto pair = pairs_.Find(extent.frame.pack)) {
        extent.frame.pack = *pair;
      } else {
        extent.frame = CopyFrame(extent.frame);
        beside_the_tree = true;
      }
      extents.push_back(extent);
    });
    if (!beside_the_tree) return Store(std::move(extents), shared);
    // The few that a tree record may hold name the pack that is being built; more need its name.
    if (content.lists.empty()) return {.extents = std::move(extents), .lists = {}};
    writer_.meta().Flush();
    return repo::StoreExtents(writer_, std::move(extents));
  }

  repo::ExtentContent Store(std::vector<repo::Extent> extents, const SharedPair& shared) {
    const auto* stored = shared ? std::get_if<repo::ExtentContent>(&shared->to.content) : nullptr;
    if (stored == nullptr || stored->lists.empty() || !Holds(*stored, extents)) {
      return repo::StoreExtents(writer_, std::move(extents));
    }
    for (const repo::Extent& extent : extents) writer_.Use(extent.frame.pack);
    for (const repo::FrameRef& list : stored->lists) writer_.Use(list.pack);
    return *stored;
  }

  bool Holds(const repo::ExtentContent& stored, const std::vector<repo::Extent>& extents) {
    const auto usable = [&](const repo::FrameRef& list) { return MayUse(list.pack); };
    if (!std::ranges::all_of(stored.lists, usable)) return false;
    std::vector<repo::Extent> theirs;
    const bool read = CanRead([&] {
      sides_.to_frames.ForEachExtent(stored,
                                     [&](const repo::Extent& extent) { theirs.push_back(extent); });
    });
    return read && theirs == extents;
  }

  // A frame of content in a pack of metadata, as the control file's is.
  repo::FrameRef CopyFrame(const repo::FrameRef& frame) {
    return writer_.meta().Append(repo::FrameKind::kBytes,
                                 *sides_.from_frames.ReadKind(frame, repo::FrameKind::kBytes));
  }

  const Sides& sides_;
  repo::Writer& writer_;
  const PackPairs& pairs_;
};

}  // namespace

std::vector<repo::PackId> PacksToCopy(const Sides& sides, const CopyNotes& notes, PackPairs& pairs,
                                      const repo::TreeRoot& tree,
                                      const std::optional<SharedBackup>& shared,
                                      const std::stop_token& stop) {
  repo::TreeReader reader(sides.from_frames, tree);
  SharedEntries beside(sides, shared);
  Gathering gathering(sides, notes, pairs);
  while (const std::optional<repo::TreeEntry> entry = reader.Next()) {
    base::ThrowIfStopped(stop);
    sides.keep_alive();
    const SharedPair pair = beside.Take(entry->path);
    if (const auto* paged = std::get_if<repo::PagedContent>(&entry->content)) {
      gathering.Add(*paged, pair);
    } else if (const auto* extents = std::get_if<repo::ExtentContent>(&entry->content)) {
      gathering.Add(*extents, pair);
    }
  }
  return gathering.Missing();
}

repo::TreeRoot CopyTree(const Sides& sides, repo::Writer& writer, const PackPairs& pairs,
                        const repo::TreeRoot& tree, const std::optional<SharedBackup>& shared,
                        const std::stop_token& stop) {
  repo::TreeReader reader(sides.from_frames, tree);
  SharedEntries beside(sides, shared);
  std::optional<repo::ParentTree> parent;
  if (shared) {
    parent.emplace(sides.to_frames, shared->to.facts.tree, [&](const repo::PackId& pack) {
      if (writer.IsCondemned(pack) || writer.IsMarkedDamaged(pack)) return false;
      writer.Use(pack);
      return true;
    });
  }
  repo::TreeWriter out(writer.meta(), parent ? &*parent : nullptr);
  Rewriting rewriting(sides, writer, pairs);
  while (const std::optional<repo::TreeEntry> entry = reader.Next()) {
    base::ThrowIfStopped(stop);
    sides.keep_alive();
    out.Add(rewriting.Rewrite(*entry, beside.Take(entry->path)));
  }
  return out.Finish();
}

}  // namespace holdfast::replicate
