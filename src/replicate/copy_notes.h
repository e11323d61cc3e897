// What an interrupted copy has put into the target so far: notes on local disk, so that the next
// run need not send it again. Losing them costs time, nothing else.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/reporter.h"
#include "base/synchronized.h"
#include "repo/ids.h"
#include "repo/repository.h"

namespace holdfast::replicate {

// One line for each pack: the origin's, the target's, and a keyed digest of both that only this
// pair of repositories makes, so that a torn or foreign line is none. Thread-safe.
class CopyNotes {
 public:
  // `path` empty: none are kept.
  CopyNotes(const repo::Repository& from, const repo::Repository& to,
            std::optional<base::Path> path, base::Reporter& report);

  void ForEach(
      const std::function<void(const repo::PackId& from, const repo::PackId& to)>& visit) const;
  void Add(const repo::PackId& from, const repo::PackId& to);
  // Everything that was noted belongs to a backup now.
  void Clear();

 private:
  std::string SealOf(std::string_view pair) const;
  void GiveUp(const std::exception& error);

  const repo::Repository& from_;
  const repo::Repository& to_;
  base::Reporter& report_;
  base::Synchronized<std::optional<base::Path>> path_;
};

}  // namespace holdfast::replicate
