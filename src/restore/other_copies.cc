#include "restore/other_copies.h"

#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <utility>

#include "repo/same_backup.h"
#include "restore/destination.h"
#include "restore/lost_files.h"
#include "restore/pack_presence.h"
#include "restore/pin_backup.h"

namespace holdfast::restore {

using base::Error;
using base::ErrorKind;

namespace {

// Longer than a request to a repository that is down takes until it fails, ten minutes
// (storage/retry.h): of all that read, one at most waits for it. Short beside the hours that what
// is left may take from a copy that is farther away.
constexpr auto kBetweenLooks = std::chrono::minutes(15);
// What fails sooner, as a bad spot of a disk does, costs little to be asked again, and what lies
// beside it may be had.
constexpr auto kLongWait = std::chrono::minutes(1);

bool IsSameFile(const repo::TreeEntry& a, const repo::TreeEntry& b) {
  return a.type == b.type && a.size == b.size && a.mode == b.mode && a.modified == b.modified &&
         a.content.index() == b.content.index() && PartCount(a) == PartCount(b);
}

repo::Snapshot SameBackup(const repo::Repository& repository, const repo::Snapshot& wanted) {
  repo::Snapshot found = repo::ReadSnapshot(repository, wanted.id);
  if (repo::SayTheSame(found.facts, wanted.facts)) return found;
  throw Error(ErrorKind::kCorrupt,
              fmt::format("its backup {} is another one", wanted.id.ToString()));
}

// A repository that has the backup too.
class Opened {
 public:
  Opened(const OtherPlace& place, const repo::Snapshot& wanted, base::Reporter& report)
      : repository_(place.open()),
        backup_(SameBackup(repository_, wanted)),
        lease_(PinBackup(repository_, backup_, report)),
        packs_(LookForPacks(repository_, backup_.id)),
        archive_(repository_, wanted.id.source),
        frames_(repository_),
        tree_(frames_, backup_.facts.tree) {}

  wal::Archive& archive() { return archive_; }

  void Read(const repo::TreeEntry& wanted, const std::function<void(const PieceSource&)>& read) {
    const repo::TreeEntry entry = Find(wanted);
    read({.entry = entry, .frames = frames_, .keyring = repository_.keyring()});
  }

  std::unique_ptr<repo::TreeReader> Tree() {
    return std::make_unique<repo::TreeReader>(frames_, backup_.facts.tree);
  }

  bool Holds(const repo::TreeEntry& wanted) {
    const repo::TreeEntry entry = Find(wanted);
    if (packs_.missing.empty() && packs_.marked.empty()) return true;
    return !IsLost(frames_, entry.content, packs_);
  }

  void KeepAlive() {
    if (lease_) lease_->KeepAlive();
  }

 private:
  repo::TreeEntry Find(const repo::TreeEntry& wanted) {
    const std::scoped_lock lock(mutex_);
    std::optional<repo::TreeEntry> found = tree_.Find(wanted.path);
    if (found && IsSameFile(*found, wanted)) return std::move(*found);
    throw Error(ErrorKind::kCorrupt, fmt::format("its {} is another file", wanted.path));
  }

  const repo::Repository repository_;
  const repo::Snapshot backup_;
  const std::unique_ptr<repo::Lease> lease_;
  const NeededPacks packs_;
  wal::Archive archive_;
  repo::FrameReader frames_;
  std::mutex mutex_;  // of the tree
  repo::TreeReader tree_;
};

}  // namespace

class OtherCopies::Copy {
 public:
  Copy(OtherPlace place, base::Reporter& report) : place_(std::move(place)), report_(report) {}

  const std::string& name() const { return place_.name; }

  // What was wrong with it is remembered: it is tried once.
  Opened& Open(const repo::Snapshot& backup) {
    const std::scoped_lock lock(mutex_);
    if (broken_) throw Error(*broken_);
    if (opened_) return *opened_;
    try {
      opened_ = std::make_unique<Opened>(place_, backup, report_);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kCancelled) throw;
      // Whatever it is: this one is of no help, and another may be.
      NoteFailure(error);
      broken_ = Error(ErrorKind::kNotFound, error.message(), error.hints());
      report_.Warn(Trouble());
      throw Error(*broken_);
    }
    return *opened_;
  }

  // It may have had what was asked for.
  void NoteSilence(const Error& why) {
    const std::scoped_lock lock(mutex_);
    NoteFailure(why);
  }
  std::optional<Error> silent() const {
    const std::scoped_lock lock(mutex_);
    return silent_;
  }

  void Count(const Error& why) {
    const std::scoped_lock lock(mutex_);
    if (++pieces_ > 1) return;
    why_ = why.message();
    report_.Warn(fmt::format("{}; taking it from the copy in {}", why_, name()));
  }

  void KeepAlive() {
    const std::scoped_lock lock(mutex_);
    if (opened_) opened_->KeepAlive();
  }

  void AddWarnings(std::vector<std::string>& warnings) const {
    const std::scoped_lock lock(mutex_);
    if (broken_) warnings.push_back(Trouble());
    if (pieces_ == 0) return;
    warnings.push_back(fmt::format("{} {} taken from the copy in {}; the first because {}", pieces_,
                                   pieces_ == 1 ? "piece was" : "pieces were", name(), why_));
  }

 private:
  void NoteFailure(const Error& why) {
    if (why.kind() != ErrorKind::kNotFound && why.kind() != ErrorKind::kCorrupt) silent_ = why;
  }
  std::string Trouble() const {
    return fmt::format("the copy in {} is of no help: {}", name(), broken_->message());
  }

  const OtherPlace place_;
  base::Reporter& report_;
  mutable std::mutex mutex_;  // of all that follows
  std::unique_ptr<Opened> opened_;
  std::optional<Error> broken_;
  std::optional<Error> silent_;
  std::uint64_t pieces_ = 0;
  std::string why_;
};

std::optional<Error> Silence::Now() {
  const std::scoped_lock lock(mutex_);
  if (!why_ || clock_.Steady() < next_look_) return why_;
  next_look_ = clock_.Steady() + kBetweenLooks;
  return std::nullopt;
}

void Silence::NoteAnswer() {
  const std::scoped_lock lock(mutex_);
  why_.reset();
}

void Silence::NoteFailure(const Error& why, std::chrono::steady_clock::time_point asked) {
  if (why.kind() == ErrorKind::kCancelled) return;
  if (why.kind() != ErrorKind::kUnavailable) return NoteAnswer();
  const auto now = clock_.Steady();
  if (now - asked < kLongWait) return;
  const std::scoped_lock lock(mutex_);
  why_ = why;
  next_look_ = now + kBetweenLooks;
}

OtherCopies::OtherCopies(repo::Snapshot backup, std::vector<OtherPlace> places, base::Clock& clock,
                         base::Reporter& report)
    : backup_(std::move(backup)), clock_(clock), silence_(clock) {
  for (OtherPlace& place : places)
    copies_.push_back(std::make_unique<Copy>(std::move(place), report));
}
OtherCopies::~OtherCopies() = default;

void OtherCopies::FromCopy(const Error& why, const std::function<void(Copy&)>& read) {
  Error first = why;
  for (const auto& copy : copies_) {
    try {
      read(*copy);
      return copy->Count(why);
    } catch (const DestinationError&) {
      throw;
    } catch (const Error& error) {
      if (!base::MayLieElsewhere(error)) throw;
      copy->NoteSilence(error);
      first.AddHint(
          fmt::format("the copy in {} has it neither: {}", copy->name(), error.message()));
    }
  }
  throw Error(first);
}

void OtherCopies::OwnOrCopy(const std::function<void()>& own,
                            const std::function<void(Copy&)>& read) {
  const std::optional<Error> silent = silence_.Now();
  if (silent && TryCopies(*silent, read)) return;
  const auto asked = clock_.Steady();
  try {
    own();
    silence_.NoteAnswer();
  } catch (const DestinationError&) {
    throw;
  } catch (const Error& error) {
    silence_.NoteFailure(error, asked);
    if (!base::MayLieElsewhere(error) || silent) throw;
    FromCopy(error, read);
  }
}

bool OtherCopies::TryCopies(const Error& why, const std::function<void(Copy&)>& read) {
  try {
    FromCopy(why, read);
    return true;
  } catch (const DestinationError&) {
    throw;
  } catch (const Error& error) {
    if (!base::MayLieElsewhere(error)) throw;
    return false;
  }
}

void OtherCopies::Read(const PieceSource& own,
                       const std::function<void(const PieceSource&)>& read) {
  const auto from_copy = [&](Copy& copy) { copy.Open(backup_).Read(own.entry, read); };
  if (const auto why = WhyLost(own.entry.path)) return FromCopy(*why, from_copy);
  OwnOrCopy([&] { read(own); }, from_copy);
}

std::unique_ptr<repo::TreeReader> OtherCopies::TreeBehind(const std::optional<std::string>& path,
                                                          const Error& why) {
  std::unique_ptr<repo::TreeReader> tree;
  FromCopy(why, [&](Copy& copy) { tree = copy.Open(backup_).Tree(); });
  lost_tree_.With([&](auto& lost) { lost.emplace(LostTree{.behind = path, .why = why}); });
  return tree;
}

// Why the entry of this path is no own one; empty when it is.
std::optional<Error> OtherCopies::WhyLost(const std::string& path) const {
  return lost_tree_.With([&](const auto& lost) -> std::optional<Error> {
    if (!lost || (lost->behind && path <= *lost->behind)) return std::nullopt;
    return lost->why;
  });
}

void OtherCopies::ReadLog(wal::Archive& own, const std::function<void(wal::Archive&)>& read) {
  OwnOrCopy([&] { read(own); }, [&](Copy& copy) { read(copy.Open(backup_).archive()); });
}

bool OtherCopies::Hold(const repo::TreeEntry& wanted) {
  for (const auto& copy : copies_) {
    try {
      if (copy->Open(backup_).Holds(wanted)) return true;
    } catch (const Error& error) {
      if (!base::MayLieElsewhere(error)) throw;
    }
  }
  return false;
}

void OtherCopies::RequireAnswers() const {
  for (const auto& copy : copies_) {
    if (const std::optional<Error> why = copy->silent()) {
      throw Error(
          ErrorKind::kUnavailable,
          fmt::format("the copy in {} may have what is damaged here, and did not answer: {}",
                      copy->name(), why->message()),
          {"repeat this when it does, or take the copy out of the configuration"});
    }
  }
}

void OtherCopies::KeepAlive() {
  for (const auto& copy : copies_) copy->KeepAlive();
}

std::vector<std::string> OtherCopies::Warnings() const {
  std::vector<std::string> warnings;
  for (const auto& copy : copies_) copy->AddWarnings(warnings);
  return warnings;
}

void PieceReader::Read(const repo::TreeEntry& entry,
                       const std::function<void(const PieceSource&)>& read) {
  others_.Read({.entry = entry, .frames = frames_, .keyring = repository_.keyring()}, read);
}

base::Bytes PieceReader::Content(const repo::TreeEntry& entry) {
  base::Bytes content;
  Read(entry, [&](const PieceSource& source) { content = source.frames.Content(source.entry); });
  return content;
}

}  // namespace holdfast::restore
