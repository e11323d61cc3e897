// The claim of a restore on the directories it fills, and how an unfinished restore is told from a
// cluster.
//
// From its first moment until its last a restore keeps the mark `global/pg_control.holdfast` in the
// data directory and no `global/pg_control`: PostgreSQL does not start without that. The mark holds
// a random token, and every tablespace directory that the restore fills has a mark with the same
// one. Marks are locked while the restore runs. So a directory is emptied for another attempt only
// when what it holds comes from this restore, not when it was given to somebody else meanwhile, who
// may be the running source.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "pg/lsn.h"

namespace holdfast::restore {

inline constexpr std::string_view kControlPath = "global/pg_control";
inline constexpr std::string_view kUnfinishedControlPath = "global/pg_control.holdfast";
inline constexpr std::string_view kTablespaceMark = "holdfast-restore";

enum class DestinationState {
  kFree,        // absent, or an empty directory
  kUnfinished,  // an interrupted restore: may be emptied and filled again
  kCluster,     // in place: what it holds is used as far as it is right
};

// Error(kConflict) when anything else is there: a running or stopped cluster, files, a mount point
// of something, a restore that still runs; one in place that was interrupted. All of these also
// when the place lies inside another cluster, see surroundings.h.
DestinationState CheckDataDirectory(const base::Path& directory);
// For a restore in place: also a cluster of this system on which no server runs, and an unfinished
// restore of either kind. A postmaster.pid says that one may run, perhaps where its process cannot
// be seen from here, in a container: Error(kConflict).
DestinationState CheckInPlace(const base::Path& directory, pg::SystemIdentifier system);
// A tablespace's new location: absent or empty, or filled by the unfinished restore into
// `data_directory`; else Error(kConflict). In place also the one that the cluster has it in, which
// its link tells.
void CheckTablespaceDirectory(const base::Path& directory, const base::Path& data_directory);
void CheckTablespaceInPlace(pg::Oid tablespace, const base::Path& directory,
                            const base::Path& data_directory);

class Claim {
 public:
  // Makes the directories; empties them first where a restore was interrupted; leaves the marks of
  // the unfinished. Error(kConflict) as above.
  Claim(base::Path data_directory, const std::map<pg::Oid, base::Path>& tablespaces);
  // For a restore in place: empties nothing, and takes the control file away.
  static Claim InPlace(base::Path data_directory, const std::map<pg::Oid, base::Path>& tablespaces,
                       pg::SystemIdentifier system);

  // In place: what the control file held; empty when there was none, after an interruption.
  const std::optional<base::Bytes>& taken_control() const { return taken_control_; }

  // With the control file in place: takes the marks away.
  void Finish();

 private:
  Claim() = default;
  void TakeControlAway();
  void TakeToken(base::File& mark);
  void ClaimTablespace(const base::Path& directory, const std::function<void()>& check);
  std::string MarkText() const;
  void EmptyAll() const;

  base::Path data_directory_;
  bool in_place_ = false;
  std::string system_;  // of one in place
  std::vector<base::Path> tablespaces_;
  // Locked as long as they are open: also kill -9 ends that. The data directory's is the first.
  std::vector<base::File> marks_;
  std::string token_;
  std::optional<base::Bytes> taken_control_;
};

}  // namespace holdfast::restore
