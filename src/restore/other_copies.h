// The same backup in other repositories: for the pieces that the restore's own cannot give.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/reporter.h"
#include "repo/frame_reader.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "repo/tree.h"
#include "restore/content_reader.h"
#include "restore/restore.h"
#include "wal/archive.h"

namespace holdfast::restore {

// Thread-safe. A repository is opened, and its copy of the backup pinned against deletion, when
// something is wanted from it for the first time; one that cannot be had is told of and done
// without.
class OtherCopies {
 public:
  OtherCopies(repo::Snapshot backup, std::vector<OtherPlace> places, base::Reporter& report);
  ~OtherCopies();

  // Runs `read` with the same file of one copy after the other, until it returns. Throws `why`,
  // what was wrong at first, when no copy can give it.
  void ReadInstead(const base::Error& why, const repo::TreeEntry& wanted,
                   const std::function<void(const PieceSource&)>& read);
  // As above, with their archives of the source's WAL.
  void ReadLogInstead(const base::Error& why, const std::function<void(wal::Archive&)>& read);

  // Can one of them give this file? For a plan: nothing is read but listings and lists of packs,
  // and where a copy lacks packs itself or has damaged ones, the file's maps and what of it lies
  // there.
  bool Hold(const repo::TreeEntry& wanted);

  void KeepAlive();  // the pins
  // What was taken from where, and why: for the end.
  std::vector<std::string> Warnings() const;

 private:
  class Copy;
  void Instead(const base::Error& why, const std::function<void(Copy&)>& read);

  const repo::Snapshot backup_;
  std::vector<std::unique_ptr<Copy>> copies_;
};

// Reads what lies in the repository of a restore, and what that cannot give from copies.
class PieceReader {
 public:
  PieceReader(const repo::Repository& repository, repo::FrameReader& frames, OtherCopies& others)
      : repository_(repository), frames_(frames), others_(others) {}

  // `read` may be run again with another source after it threw, on what it has done so far. What it
  // throws as DestinationError is final.
  void Read(const repo::TreeEntry& entry, const std::function<void(const PieceSource&)>& read);
  // The whole content of a small file.
  base::Bytes Content(const repo::TreeEntry& entry);

 private:
  const repo::Repository& repository_;
  repo::FrameReader& frames_;
  OtherCopies& others_;
};

}  // namespace holdfast::restore
