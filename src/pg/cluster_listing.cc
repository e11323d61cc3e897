#include "pg/cluster_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "pg/cluster_files.h"

namespace holdfast::pg {

namespace {

// The sockets of a server that keeps them in its data directory, and their lock files.
bool IsSocket(std::string_view path) { return path.starts_with(".s.PGSQL."); }

void RequireWhole(const std::vector<ClusterEntry>& sorted) {
  constexpr std::array<std::string_view, 5> kEveryClusterHas = {
      "PG_VERSION", "base/1/PG_VERSION", "global/pg_control", "global/pg_filenode.map", "pg_wal"};
  for (const std::string_view path : kEveryClusterHas) {
    if (!std::ranges::binary_search(sorted, path, {}, &ClusterEntry::path)) {
      throw base::Error(base::ErrorKind::kUnavailable,
                        fmt::format("the listing of the data directory has no {}", path),
                        {"is the data directory mounted, and does it belong to a running server?"});
    }
  }
}

}  // namespace

ClusterListing::ClusterListing(MajorVersion version)
    : version_directory_(TablespaceVersionDirectory(version)) {}

void ClusterListing::AddFile(ClusterEntry entry) {
  if (IsSocket(entry.path) || ClassifyFile(entry.path, version_directory_).IsExcluded()) return;
  entries_.push_back(std::move(entry));
}

bool ClusterListing::AddFolder(ClusterEntry entry) {
  if (ClassifyFolder(entry.path, version_directory_) != Exclusion::kNone) return false;
  entries_.push_back(std::move(entry));
  return true;
}

std::vector<ClusterEntry> ClusterListing::Take() {
  const auto relation_of = [this](const ClusterEntry& entry) {
    return entry.type == ClusterEntry::Type::kFile
               ? ClassifyFile(entry.path, version_directory_).relation
               : std::nullopt;
  };
  UnloggedRelations unlogged;
  for (const ClusterEntry& entry : entries_) {
    if (const auto relation = relation_of(entry)) unlogged.Note(*relation);
  }
  std::erase_if(entries_, [&](const ClusterEntry& entry) {
    const auto relation = relation_of(entry);
    return relation && unlogged.Skips(*relation);
  });
  std::ranges::sort(entries_, {}, &ClusterEntry::path);
  RequireWhole(entries_);
  return std::move(entries_);
}

}  // namespace holdfast::pg
