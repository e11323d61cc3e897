// What a host remembers of a source's WAL on its way to one of the source's copies.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "cli/log_forward.h"

namespace holdfast::cli {

//   <state>/forward/<source>/<copy>/pushed/<system>-<file>   to be brought there
//                                  /comparing                what becomes in-step
//                                  /in-step                  see IsInStep
//                                  /problem                  why WAL does not get there
//                                  /lock                     held by flock while a process forwards
class CopyQueue {
 public:
  CopyQueue(const base::Path& state_directory, const std::string& source, const std::string& copy);

  void Add(const PushedFile& file) const;
  // In the order in which they are to be copied: histories first.
  std::vector<PushedFile> Files() const;
  void Remove(const std::vector<PushedFile>& files) const;
  // Empty when another process forwards to this copy.
  std::optional<base::File> TryLock() const;

  // Whether the copy had everything but the files of the queue when it was last looked at, not
  // longer ago than a day: another host may have pushed since, and the copy's disk may have been
  // taken back to an earlier state. `pair` tells the two repositories: another one in either place
  // is not in step.
  bool IsInStep(const std::string& pair, base::Time now) const;
  // Before all is compared, and after it: the copy is in step unless that was cleared meanwhile.
  void BeginComparison(const std::string& pair, base::Time now) const;
  void SetInStep() const;
  // Whoever could not put a file into the queue does it, without the lock. It writes nothing, so
  // that a full disk does not keep it from doing so.
  void ClearInStep() const;

  // In words; empty when all is well.
  std::string Problem() const;
  void SetProblem(const std::string& problem) const;

 private:
  base::Path PathOf(const PushedFile& file) const;
  std::string TextOf(const char* name) const;
  void SetText(const char* name, const std::string& text) const;

  const base::Path folder_;
  const base::Path pushed_;
};

}  // namespace holdfast::cli
