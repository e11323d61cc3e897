#include "restore/tree_walk.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "restore/claim.h"

namespace holdfast::restore {

namespace {

// Links are tablespaces; a linked pg_wal becomes a directory.
void AddLink(repo::TreeEntry link, TreeSink& sink, SetAside& aside) {
  if (const auto oid = TablespaceOf(link.path)) return sink.AddTablespace(link, *oid);
  aside.warnings.push_back(fmt::format("{} was a link to {} on the source: here it is a directory",
                                       link.path, link.link_target));
  link.type = repo::FileType::kDirectory;
  link.mode = 0700;
  sink.AddDirectory(link);
}

bool AddRegular(repo::TreeEntry file, const std::set<std::string>& changed, TreeSink& sink,
                SetAside& aside) {
  if (file.path == kControlPath) {
    aside.control = std::move(file);
  } else if (file.path == kAutoConfPath) {
    aside.auto_conf = std::move(file);
  } else if (changed.contains(file.path)) {
    aside.changed.push_back(std::move(file));
  } else {
    return sink.AddFile(std::move(file));
  }
  return true;
}

}  // namespace

std::optional<pg::Oid> TablespaceOf(std::string_view path) {
  constexpr std::string_view kPrefix = "pg_tblspc/";
  if (!path.starts_with(kPrefix)) return std::nullopt;
  path.remove_prefix(kPrefix.size());
  return static_cast<pg::Oid>(std::stoul(std::string(path.substr(0, path.find('/')))));
}

const repo::TreeEntry& SetAside::Control() const {
  if (control) return *control;
  throw base::Error(base::ErrorKind::kCorrupt, "the backup holds no global/pg_control");
}

SetAside WalkTree(repo::FrameReader& frames, const repo::TreeRoot& root,
                  const std::set<std::string>& changed, TreeSink& sink,
                  const std::stop_token& stop) {
  SetAside aside;
  repo::TreeReader tree(frames, root);
  while (auto entry = tree.Next()) {
    if (stop.stop_requested()) break;
    if (entry->type == repo::FileType::kDirectory) {
      sink.AddDirectory(*entry);
    } else if (entry->type == repo::FileType::kSymlink) {
      AddLink(std::move(*entry), sink, aside);
    } else if (!AddRegular(std::move(*entry), changed, sink, aside)) {
      break;
    }
  }
  return aside;
}

}  // namespace holdfast::restore
