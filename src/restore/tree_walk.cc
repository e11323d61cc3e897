#include "restore/tree_walk.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/error.h"
#include "pg/digits.h"
#include "restore/claim.h"

namespace holdfast::restore {

namespace {

constexpr std::string_view kTablespaces = "pg_tblspc/";

// Links are tablespaces; a linked pg_wal becomes a directory. What any other led to is in no
// backup: nothing is in its place then, so that who misses it finds out what it was.
void AddLink(repo::TreeEntry link, TreeSink& sink, SetAside& aside) {
  if (const auto oid = TablespaceOf(link.path)) return sink.AddTablespace(link, *oid);
  if (sink.KeepsLink(link)) return;
  if (link.path != "pg_wal") {
    aside.warnings.push_back(fmt::format(
        "{} was a link to {} on the source: what that leads to is not in the backup, and here the "
        "link is left out",
        link.path, link.link_target));
    return;
  }
  aside.warnings.push_back(fmt::format("{} was a link to {} on the source: here it is a directory",
                                       link.path, link.link_target));
  link.type = repo::FileType::kDirectory;
  link.mode = 0700;
  sink.AddDirectory(link);
}

// Somebody left it where the server expects folders, and recovery ends with an error on it.
bool IsInTheWay(std::string_view path) {
  return path.starts_with(kTablespaces) &&
         path.find('/', kTablespaces.size()) == std::string_view::npos;
}

bool AddRegular(repo::TreeEntry file, const std::set<std::string>& changed, TreeSink& sink,
                SetAside& aside) {
  // The mark of a restore that was killed at its very end: in backups of earlier versions.
  if (file.path == kUnfinishedControlPath) return true;
  if (IsInTheWay(file.path)) {
    aside.warnings.push_back(fmt::format(
        "{} is left out: PostgreSQL does not recover when a file lies there", file.path));
    return true;
  }
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

// The entries of the own tree, and of a copy's behind the last that could be read.
class TreeOfAnyCopy {
 public:
  TreeOfAnyCopy(repo::FrameReader& frames, const repo::TreeRoot& root, OtherCopies& others)
      : own_(frames, root), others_(others) {}

  std::optional<repo::TreeEntry> Next() {
    std::optional<repo::TreeEntry> entry = copied_ ? copied_->Next() : NextOfOwn();
    while (copied_ && entry && last_ && entry->path <= *last_) entry = copied_->Next();
    if (entry) last_ = entry->path;
    return entry;
  }

 private:
  std::optional<repo::TreeEntry> NextOfOwn() {
    try {
      return own_.Next();
    } catch (const base::Error& error) {
      if (!base::MayLieElsewhere(error)) throw;
      copied_ = others_.TreeBehind(last_, error);
      return copied_->Next();
    }
  }

  repo::TreeReader own_;
  OtherCopies& others_;
  std::unique_ptr<repo::TreeReader> copied_;
  std::optional<std::string> last_;
};

}  // namespace

std::optional<pg::Oid> TablespaceOf(std::string_view path) {
  if (!path.starts_with(kTablespaces)) return std::nullopt;
  path.remove_prefix(kTablespaces.size());
  return pg::ParseNameNumber<pg::Oid>(path.substr(0, path.find('/')));
}

const repo::TreeEntry& SetAside::Control() const {
  if (control) return *control;
  throw base::Error(base::ErrorKind::kCorrupt, "the backup holds no global/pg_control");
}

SetAside WalkTree(repo::FrameReader& frames, const repo::TreeRoot& root, OtherCopies& others,
                  const std::set<std::string>& changed, TreeSink& sink,
                  const std::stop_token& stop) {
  SetAside aside;
  TreeOfAnyCopy tree(frames, root, others);
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
