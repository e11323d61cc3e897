// What an interrupted copy has put into the target so far: notes on local disk, so that the next
// run need not send it again. Losing them costs time, nothing else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/file.h"
#include "base/reporter.h"
#include "base/synchronized.h"
#include "repo/ids.h"
#include "repo/repository.h"

namespace holdfast::replicate {

// One line for each pack: the origin's, the target's, and a keyed digest of both that only this
// pair of repositories makes, so that a torn or foreign line is none. Thread-safe. Memory: about
// 150 bytes for each pack.
class CopyNotes {
 public:
  // `path` empty: none are kept for another run.
  CopyNotes(const repo::Repository& from, const repo::Repository& to,
            std::optional<base::Path> path, base::Reporter& report);

  // The pack of the target that was made of this one, when it was noted. It may be gone by now.
  std::optional<repo::PackId> Find(const repo::PackId& from) const;
  void Add(const repo::PackId& from, const repo::PackId& to);
  // Everything that was noted belongs to a backup now: the next run needs none of it.
  void Forget();

 private:
  using Pairs = std::unordered_map<repo::PackId, repo::PackId>;

  Pairs Read(const base::Path& path) const;
  std::string SealOf(std::string_view pair) const;
  void Append(const base::Path& path, std::string_view line) const;

  const repo::Repository& from_;
  const repo::Repository& to_;
  base::Reporter& report_;
  struct State {
    std::optional<base::Path> path;
    Pairs pairs;
  };
  base::Synchronized<State> state_;
};

}  // namespace holdfast::replicate
