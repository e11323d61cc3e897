// The same backup in other repositories: for the pieces that the restore's own cannot give.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/reporter.h"
#include "base/synchronized.h"
#include "repo/frame_reader.h"
#include "repo/repository.h"
#include "repo/snapshot.h"
#include "repo/tree.h"
#include "restore/content_reader.h"
#include "restore/restore.h"
#include "wal/archive.h"

namespace holdfast::restore {

// Whether the repository of a restore answers. Thread-safe.
class Silence {
 public:
  explicit Silence(base::Clock& clock) : clock_(clock) {}

  // What it failed with while others are to be asked first; empty when it is to be asked. Now and
  // then one is sent to look whether it is back, and tells: the rest go on without it.
  std::optional<base::Error> Now();
  // How a piece ended that it was asked for at `asked`.
  void NoteAnswer();
  void NoteFailure(const base::Error& why, std::chrono::steady_clock::time_point asked);

 private:
  base::Clock& clock_;
  std::mutex mutex_;
  std::optional<base::Error> why_;
  std::chrono::steady_clock::time_point next_look_;
};

// Thread-safe. A repository is opened, and its copy of the backup pinned against deletion, when
// something is wanted from it for the first time; one that cannot be had is told of and done
// without.
class OtherCopies {
 public:
  OtherCopies(repo::Snapshot backup, std::vector<OtherPlace> places, base::Clock& clock,
              base::Reporter& report);
  ~OtherCopies();

  // Runs `read` with `own`, and where that cannot give it with the same file of one copy after the
  // other, until it returns. The copies come first for a while when the own repository was waited
  // for in vain. Throws what was wrong at first when nobody can give it.
  void Read(const PieceSource& own, const std::function<void(const PieceSource&)>& read);
  // As above, with archives of the source's WAL.
  void ReadLog(wal::Archive& own, const std::function<void(wal::Archive&)>& read);

  // The backup's tree in a copy, from its beginning, for who cannot read its own behind `path`, or
  // none of it (empty). From then on what lies behind is read by the copies' entries and from
  // copies alone. Throws `why` when no copy has it. The reader must not outlive this.
  std::unique_ptr<repo::TreeReader> TreeBehind(const std::optional<std::string>& path,
                                               const base::Error& why);

  // Can one of them give this file? For a plan: nothing is read but listings and lists of packs,
  // and where a copy lacks packs itself or has damaged ones, the file's maps and what of it lies
  // there.
  bool Hold(const repo::TreeEntry& wanted);

  // Error(kUnavailable) when a copy was asked and could not say what it has: then nothing is known
  // to be lost.
  void RequireAnswers() const;
  void KeepAlive();  // the pins
  // What was taken from where, and why: for the end.
  std::vector<std::string> Warnings() const;

 private:
  class Copy;
  struct LostTree {
    std::optional<std::string> behind;
    base::Error why;
  };
  std::optional<base::Error> WhyLost(const std::string& path) const;
  void OwnOrCopy(const std::function<void()>& own, const std::function<void(Copy&)>& read);
  bool TryCopies(const base::Error& why, const std::function<void(Copy&)>& read);
  void FromCopy(const base::Error& why, const std::function<void(Copy&)>& read);

  const repo::Snapshot backup_;
  base::Clock& clock_;
  Silence silence_;  // of the own repository
  std::vector<std::unique_ptr<Copy>> copies_;
  base::Synchronized<std::optional<LostTree>> lost_tree_;
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
