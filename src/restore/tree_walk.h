// One walk through a backup's tree, for whoever makes a cluster of it: a directory or an archive.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "pg/lsn.h"
#include "repo/frame_reader.h"
#include "repo/tree.h"
#include "restore/other_copies.h"

namespace holdfast::restore {

inline constexpr std::string_view kConfigPath = "postgresql.conf";
inline constexpr std::string_view kAutoConfPath = "postgresql.auto.conf";

// The tablespace to which a path below pg_tblspc belongs. Empty for all others, and for what
// somebody left in pg_tblspc under a name that is no tablespace's.
std::optional<pg::Oid> TablespaceOf(std::string_view path);

class TreeSink {
 public:
  virtual ~TreeSink() = default;
  // The data directory itself has the empty path.
  virtual void AddDirectory(const repo::TreeEntry& directory) = 0;
  // A link to a tablespace outside the data directory; what it holds follows, below its path. Other
  // links are left out.
  virtual void AddTablespace(const repo::TreeEntry& link, pg::Oid oid) = 0;
  // Of any other link, pg_wal's included: it is there already and stays.
  virtual bool KeepsLink(const repo::TreeEntry& /*link*/) const { return false; }
  // False ends the walk.
  virtual bool AddFile(repo::TreeEntry file) = 0;
};

// What is not written as it is, or not yet.
struct SetAside {
  // Of what the backup holds.
  std::uint64_t file_count() const {
    return changed.size() + (auto_conf ? 1U : 0U) + (control ? 1U : 0U);
  }
  std::optional<repo::TreeEntry> control;    // last of all
  std::optional<repo::TreeEntry> auto_conf;  // absent: the cluster had none
  std::vector<repo::TreeEntry> changed;      // those asked for
  std::vector<std::string> warnings;         // links and files that are left out

  // Error(kCorrupt) when the backup has none.
  const repo::TreeEntry& Control() const;
};

// In the order of the tree. Ends early when asked to stop. `changed`: paths of files that somebody
// else writes. A tree that cannot be read to its end goes on with that of another copy.
SetAside WalkTree(repo::FrameReader& frames, const repo::TreeRoot& root, OtherCopies& others,
                  const std::set<std::string>& changed, TreeSink& sink,
                  const std::stop_token& stop);

}  // namespace holdfast::restore
