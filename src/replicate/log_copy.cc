#include "replicate/log_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/workers.h"
#include "storage/storage.h"
#include "wal/archive.h"
#include "wal/coverage.h"
#include "wal/object_names.h"

namespace holdfast::replicate {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view kDigestPurpose = "wal";

// The files of one cluster by name, with the digests of their contents: more than one is a fork.
using Files = std::map<std::string, std::vector<std::string>>;

// `after`: a segment's name, or empty.
Files FilesOf(storage::Storage& storage, const std::string& prefix, const std::string& after,
              std::vector<std::string>* unknown) {
  Files files;
  // '~' sorts behind all that can follow the segment's own name.
  const std::string behind =
      after.empty() ? "" : fmt::format("{}{}/{}~", prefix, after.substr(0, 8), after);
  storage.List(prefix, behind, [&](const storage::ObjectInfo& object) {
    const std::string_view rest = std::string_view(object.name).substr(prefix.size());
    if (wal::ParseTimelineRecord(rest) || wal::ParseSegmentSize(rest)) return;
    if (auto file = wal::ParseFileObject(rest)) {
      files[file->file_name].push_back(std::move(file->digest));
    } else if (unknown != nullptr) {
      unknown->push_back(object.name);
    }
  });
  return files;
}

struct SegmentTails {
  pg::TimelineId timeline;
  pg::Lsn start;
  std::vector<wal::Tail> tails;
};
using Tails = std::map<std::string, SegmentTails>;  // by the segment's name

Tails TailsOf(storage::Storage& storage, const std::string& prefix) {
  Tails tails;
  storage.List(prefix, "", [&](const storage::ObjectInfo& object) {
    const auto tail = wal::ParseTailObject(std::string_view(object.name).substr(prefix.size()));
    if (!tail) return;
    SegmentTails& of = tails[tail->segment_name];
    of.timeline = tail->timeline;
    of.start = tail->start;
    of.tails.push_back(*tail);
  });
  return tails;
}

void CopyRecord(wal::Archive& ours, wal::Archive& theirs, pg::SystemIdentifier system) {
  const auto recorded = ours.RecordedTimeline(system);
  if (!recorded || theirs.RecordedTimeline(system) == recorded) return;
  theirs.RecordTimeline(system, *recorded);
}

bool IsPassedOver(const Error& error) {
  return error.kind() == ErrorKind::kCorrupt || error.kind() == ErrorKind::kConflict;
}

// One cluster's log.
class ClusterLog {
 public:
  ClusterLog(const repo::Repository& from, const repo::Repository& to,
             const LogCopyOptions& options, pg::SystemIdentifier system, LogCopyResult& result)
      : to_(to),
        options_(options),
        system_(system),
        result_(result),
        ours_(from, options.source),
        theirs_(to, options.source),
        size_(SizeOf(ours_, system)) {
    const std::string prefix = wal::WalPrefix(options.source, system);
    const std::string tail_prefix = wal::TailPrefix(options.source, system);
    std::vector<std::string> unknown;
    if (const auto after = options.after.find(system); after != options.after.end()) {
      after_ = after->second;
    }
    from_files_ = FilesOf(from.storage(), prefix, after_, &unknown);
    to_files_ = FilesOf(to.storage(), prefix, after_, nullptr);
    from_tails_ = TailsOf(from.storage(), tail_prefix);
    to_tails_ = TailsOf(to.storage(), tail_prefix);
    for (const std::string& object : unknown) {
      Fail(object, Error(ErrorKind::kConflict, "it is no name of the archive that is understood"));
    }
  }

  void Run(base::Reporter& report, const std::stop_token& stop) {
    try {
      CompareWhatBothHave();
    } catch (const Error& error) {
      if (!IsPassedOver(error)) throw;
      return Fail(fmt::format("the WAL of cluster {}", system_.value()), error);
    }
    const std::vector<std::string> missing = Missing();
    report.BeginPhase("copying WAL", missing.size() * size_.bytes());
    for (const std::string& name : missing) {
      base::ThrowIfStopped(stop);
      options_.keep_alive();
      CopyFile(name);
      report.Advance(size_.bytes());
    }
    for (const auto& [name, open] : from_tails_) {
      base::ThrowIfStopped(stop);
      CopyOpenSegment(name, open);
    }
    report.EndPhase();
    CopyTimelineRecord();
    if (std::string complete = Complete(); !complete.empty())
      result_.newest[system_] = std::move(complete);
  }

 private:
  static pg::SegmentSize SizeOf(wal::Archive& archive, pg::SystemIdentifier system) {
    const std::uint32_t bytes = archive.SegmentSize(system);
    return bytes == 0 ? pg::SegmentSize() : pg::SegmentSize::FromBytes(bytes);
  }

  void Fail(std::string what, const Error& error) {
    result_.failures.push_back({.what = std::move(what), .error = error});
  }

  std::string TheirDigest(base::ByteView contents) const {
    return base::ToHex(to_.keyring().ContentDigest(kDigestPurpose, contents));
  }

  static pg::WalFileKind KindOf(const std::string& name) {
    return pg::WalFileKindOf(name).value_or(pg::WalFileKind::kBackupHistory);
  }

  // The segment up to which the target has all that is wanted. It ends before what failed, and
  // before a hole, which a file that is late may still fill.
  std::string Complete() const {
    std::string complete = after_;
    std::optional<pg::WalFileName> last = pg::ParseWalFileName(after_, size_);
    for (const auto& [name, digests] : from_files_) {
      const auto file = pg::ParseWalFileName(name, size_);
      if (!file || file->kind != pg::WalFileKind::kSegment) continue;
      if (!IsWanted(name)) {
        last.reset();
      } else {
        const bool abuts = !last || last->timeline != file->timeline ||
                           pg::NextSegment(last->segment) == file->segment;
        if (!abuts || (!to_files_.contains(name) && !copied_.contains(name))) break;
        last = file;
      }
      complete = name;
    }
    return complete;
  }

  // Histories, which are small, and the newest segment of each timeline.
  void CompareWhatBothHave() {
    std::map<std::string, std::string> newest;
    for (const auto& [name, digests] : from_files_) {
      if (!to_files_.contains(name)) continue;
      if (KindOf(name) == pg::WalFileKind::kHistory) Compare(name);
      if (KindOf(name) == pg::WalFileKind::kSegment) newest[name.substr(0, 8)] = name;
    }
    for (const auto& [timeline, name] : newest) Compare(name);
  }

  void Compare(const std::string& name) {
    std::optional<base::Bytes> contents;
    try {
      contents = ours_.Get(system_, name);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kCorrupt) throw;
      return Fail("WAL file " + name, error);  // the target has it: nothing is lost there
    }
    if (!contents || to_files_.at(name) == std::vector{TheirDigest(*contents)}) return;
    throw Error(ErrorKind::kConflict,
                fmt::format("{} has another content in the target repository", name),
                {"two servers wrote this file, each its own; nothing of this cluster's WAL was "
                 "copied, and nothing there was replaced"});
  }

  // In the order of names: histories come before the segments of their timeline.
  std::vector<std::string> Missing() const {
    std::vector<std::string> missing;
    for (const auto& [name, digests] : from_files_) {
      if (!to_files_.contains(name) && IsWanted(name)) missing.push_back(name);
    }
    (void)std::stable_partition(missing.begin(), missing.end(), [](const std::string& name) {
      return KindOf(name) == pg::WalFileKind::kHistory;
    });
    return missing;
  }

  bool IsWanted(const std::string& name) const {
    const auto parsed = pg::ParseWalFileName(name, size_);
    if (!parsed || parsed->kind == pg::WalFileKind::kHistory || !options_.wants) return true;
    return options_.wants(system_, parsed->timeline, pg::SegmentStart(parsed->segment, size_),
                          pg::SegmentEnd(parsed->segment, size_));
  }

  void CopyFile(const std::string& name) {
    if (options_.dry_run) {
      ++result_.files;
      return;
    }
    try {
      const std::optional<base::Bytes> contents = ours_.Get(system_, name);
      if (!contents) return;  // expired since it was listed
      if (theirs_.Put(system_, name, *contents) == wal::ArchiveOutcome::kStored) {
        ++result_.files;
        result_.bytes += contents->size();
      }
      copied_.insert(name);
      const auto tails = to_tails_.find(name);
      if (tails == to_tails_.end()) return;
      theirs_.DropTails(system_, tails->second.timeline, tails->second.start, *contents);
    } catch (const Error& error) {
      if (!IsPassedOver(error)) throw;
      Fail("WAL file " + name, error);
    }
  }

  void CopyOpenSegment(const std::string& name, const SegmentTails& open) {
    // There whole: what the tail holds is in it.
    if (from_files_.contains(name) || to_files_.contains(name) || !IsWanted(name)) return;
    try {
      const auto segment = ours_.GetOpenSegment(system_, open.timeline, open.start,
                                                static_cast<std::uint32_t>(size_.bytes()));
      if (!segment) return;
      const base::ByteView bytes = base::ByteView(segment->bytes).first(segment->end - open.start);
      if (IsThere(name, segment->end, bytes)) return;
      ++result_.tails;
      if (options_.dry_run) return;
      theirs_.PutTail(system_, open.timeline, open.start, bytes);
      result_.bytes += bytes.size();
    } catch (const Error& error) {
      if (!IsPassedOver(error)) throw;
      Fail("open WAL segment " + name, error);
    }
  }

  // Also when the target has got further by another way; where a tail there is not the beginning of
  // the other, that shows when either of them is read.
  bool IsThere(const std::string& name, pg::Lsn end, base::ByteView bytes) const {
    const auto found = to_tails_.find(name);
    if (found == to_tails_.end()) return false;
    return std::ranges::any_of(found->second.tails, [&](const wal::Tail& tail) {
      return tail.end > end || (tail.end == end && tail.digest == TheirDigest(bytes));
    });
  }

  void CopyTimelineRecord() {
    if (!options_.dry_run) CopyRecord(ours_, theirs_, system_);
  }

  const repo::Repository& to_;
  const LogCopyOptions& options_;
  const pg::SystemIdentifier system_;
  LogCopyResult& result_;
  wal::Archive ours_;
  wal::Archive theirs_;
  const pg::SegmentSize size_;
  std::string after_;  // a segment's name; nothing before it was looked at
  std::set<std::string> copied_;
  Files from_files_;
  Files to_files_;
  Tails from_tails_;
  Tails to_tails_;
};

}  // namespace

LogCopyResult CopyLog(const repo::Repository& from, const repo::Repository& to,
                      const LogCopyOptions& options, base::Reporter& report,
                      const std::stop_token& stop) {
  LogCopyResult result;
  result.systems =
      options.systems.empty() ? wal::Archive(from, options.source).Systems() : options.systems;
  for (const pg::SystemIdentifier system : result.systems) {
    ClusterLog(from, to, options, system, result).Run(report, stop);
  }
  return result;
}

void CopyLogFiles(const repo::Repository& from, const repo::Repository& to,
                  const std::string& source, pg::SystemIdentifier system,
                  const std::vector<std::string>& names, const std::stop_token& stop) {
  wal::Archive ours(from, source);
  wal::Archive theirs(to, source);
  const std::uint32_t size = ours.SegmentSize(system);
  for (const std::string& name : names) {
    base::ThrowIfStopped(stop);
    const std::optional<base::Bytes> contents = ours.Get(system, name);
    if (!contents)
      throw Error(ErrorKind::kNotFound, fmt::format("{} is not in the archive any more", name));
    (void)theirs.Put(system, name, *contents);
    if (pg::WalFileKindOf(name) != pg::WalFileKind::kSegment || size == 0) continue;
    const auto segment_size = pg::SegmentSize::FromBytes(size);
    const auto file = pg::ParseWalFileName(name, segment_size);
    if (!file) continue;
    theirs.DropTails(system, file->timeline, pg::SegmentStart(file->segment, segment_size),
                     *contents);
  }
  if (!names.empty()) CopyRecord(ours, theirs, system);
}

bool HasLog(const repo::Repository& repository, const std::string& source,
            const repo::LogRange& range) {
  wal::Archive archive(repository, source);
  const pg::SystemIdentifier system(range.system);
  const pg::TimelineId timeline(range.timeline);
  const wal::Inventory inventory = archive.Take(system);
  wal::Lineage lineage = {{.timeline = timeline, .begin = pg::Lsn(), .end = std::nullopt}};
  if (const auto history = archive.History(system, timeline)) lineage = history->Spans();
  return wal::FollowWal(inventory, lineage, pg::Lsn(range.start)).end >= pg::Lsn(range.stop);
}

}  // namespace holdfast::replicate
