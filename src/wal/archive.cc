#include "wal/archive.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "repo/blob.h"
#include "storage/storage.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

constexpr std::string_view kDigestPurpose = "wal";
constexpr std::string_view kSealPurpose = "wal copy";
constexpr std::uint64_t kMaxTextFile = base::kMiB;  // .history and .backup

pg::TimelineId TimelineOf(std::string_view file_name) {
  if (!pg::WalFileKindOf(file_name)) {
    throw base::Error(
        base::ErrorKind::kUsage,
        fmt::format("\"{}\" is not the name of a file that PostgreSQL archives", file_name));
  }
  return pg::TimelineId(
      static_cast<std::uint32_t>(std::stoul(std::string(file_name.substr(0, 8)), nullptr, 16)));
}

bool IsSegmentKind(pg::WalFileKind kind) {
  return kind == pg::WalFileKind::kSegment || kind == pg::WalFileKind::kPartial;
}

// Histories tell no content, and whoever plans must know them: they are sealed as metadata.
repo::PackKind PackKindOf(pg::WalFileKind kind) {
  return kind == pg::WalFileKind::kHistory ? repo::PackKind::kMeta : repo::PackKind::kWal;
}

SegmentHeader CheckOwnSegment(base::ByteView contents, std::string_view file_name,
                              pg::SystemIdentifier system) {
  const SegmentHeader header = CheckSegment(contents, file_name);
  if (header.system != system) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} is of the cluster {}, and not of {}", file_name,
                                  header.system.value(), system.value()));
  }
  return header;
}

void CheckText(base::ByteView contents, std::string_view file_name, pg::WalFileKind kind) {
  if (contents.empty() || contents.size() > kMaxTextFile) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} has {} bytes", file_name, contents.size()));
  }
  if (kind == pg::WalFileKind::kHistory) {
    (void)pg::TimelineHistory::Parse(TimelineOf(file_name), base::AsText(contents));
  }
}

// The digests of the contents stored under a file's name.
std::vector<std::string> StoredDigests(storage::Storage& storage, const std::string& prefix) {
  std::vector<std::string> digests;
  storage.List(prefix, "", [&](const storage::ObjectInfo& object) {
    // "<segment>." also begins "<segment>.partial.<digest>".
    std::string rest = object.name.substr(prefix.size());
    if (rest.find('.') == std::string::npos) digests.push_back(std::move(rest));
  });
  return digests;
}

[[noreturn]] void ReportFork(std::string_view file_name, std::string_view source) {
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("another content of {} is in the archive of {}", file_name, source),
      {"two servers wrote this file, each its own: often a restored copy that still archives; set "
       "archive_mode = off on the copy, or give it a source of its own",
       "nothing in the archive was replaced"});
}

}  // namespace

Archive::Archive(const repo::Repository& repository, std::string source)
    : repository_(&repository), source_(std::move(source)) {
  repo::CheckSourceName(source_);
}

std::string Archive::DigestOf(base::ByteView contents) const {
  return base::ToHex(repository_->keyring().ContentDigest(kDigestPurpose, contents));
}

base::Bytes Archive::Open(const std::string& object, std::string_view digest) const {
  const base::Bytes stored = storage::GetExisting(repository_->storage(), object);
  base::Bytes contents = repo::OpenBlob(repository_->keyring(), object, stored);
  if (DigestOf(contents) != digest) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} holds another content than its name says", object));
  }
  return contents;
}

std::optional<std::string> Archive::FindObject(pg::SystemIdentifier system,
                                               std::string_view file_name) {
  const std::string prefix =
      FilePrefix(WalPrefix(source_, system), TimelineOf(file_name), file_name);
  const std::vector<std::string> digests = StoredDigests(repository_->storage(), prefix);
  if (digests.size() > 1) ReportFork(file_name, source_);
  if (digests.empty()) return std::nullopt;
  return digests.front();
}

// Put before the first segment, so that where there are segments their size is known.
void Archive::RecordSegmentSize(pg::SystemIdentifier system, pg::SegmentSize size) {
  const bool recorded = recorded_sizes_.With([&](const auto& sizes) {
    const auto found = sizes.find(system);
    return found != sizes.end() && found->second == size;
  });
  if (recorded) return;
  const std::string prefix = WalPrefix(source_, system);
  const std::string object = SegmentSizeObject(prefix, size);
  const auto known = storage::ListAll(repository_->storage(), prefix + std::string(kSegmentSizes));
  const bool other = std::ranges::any_of(
      known, [&](const storage::ObjectInfo& info) { return info.name != object; });
  if (other) {
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("the archive of {} holds segments of another size than {} bytes", source_,
                    size.bytes()),
        {"pg_resetwal changed the size; the cluster needs a source of its own from now on"});
  }
  if (known.empty()) {
    const std::string text = fmt::format("{}\n", size.bytes());
    (void)repository_->storage().Put(object, base::AsBytes(text));
  }
  recorded_sizes_.With([&](auto& sizes) { sizes.insert_or_assign(system, size); });
}

bool Archive::IsDamaged(const std::string& object, std::string_view digest) const {
  try {
    (void)Open(object, digest);
    return false;
  } catch (const base::Error& error) {
    // Who may not read content must take it as it is.
    if (error.kind() == base::ErrorKind::kDenied) return false;
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return true;
  }
}

// What is there already counts only when it can be read: the caller may drop its own copy now. A
// damaged object gives way to this one, of the same content.
ArchiveOutcome Archive::Store(const std::string& object, std::string_view digest,
                              repo::PackKind kind, base::ByteView contents) {
  storage::Storage& storage = repository_->storage();
  const base::Bytes blob = repo::SealBlob(repository_->keyring(), kind, contents, {});
  repository_->CheckStillThere();  // no other can read what is sealed with the keys of this one
  if (storage.Put(object, blob) == storage::PutOutcome::kStored) return ArchiveOutcome::kStored;
  if (!IsDamaged(object, digest)) return ArchiveOutcome::kAlreadyThere;
  (void)storage.Remove(object);
  (void)storage.Put(object, blob);
  return ArchiveOutcome::kStored;
}

ArchiveOutcome Archive::Put(pg::SystemIdentifier system, std::string_view file_name,
                            base::ByteView contents) {
  const std::string wal_prefix = WalPrefix(source_, system);
  const pg::TimelineId timeline = TimelineOf(file_name);
  const pg::WalFileKind kind = *pg::WalFileKindOf(file_name);
  if (IsSegmentKind(kind)) {
    RecordSegmentSize(system, CheckOwnSegment(contents, file_name, system).segment_size);
  } else {
    CheckText(contents, file_name, kind);
  }

  storage::Storage& storage = repository_->storage();
  const std::string prefix = FilePrefix(wal_prefix, timeline, file_name);
  const std::string digest = DigestOf(contents);
  const auto is_other = [&](const std::string& stored) { return stored != digest; };
  const std::vector<std::string> before = StoredDigests(storage, prefix);
  if (std::ranges::any_of(before, is_other)) ReportFork(file_name, source_);
  const std::string object = prefix + digest;
  if (!before.empty() && !IsDamaged(object, digest)) return ArchiveOutcome::kAlreadyThere;
  const ArchiveOutcome outcome = Store(object, digest, PackKindOf(kind), contents);
  // Of two that wrote different contents at the same time, at least the later one sees both.
  if (std::ranges::any_of(StoredDigests(storage, prefix), is_other)) {
    ReportFork(file_name, source_);
  }
  return outcome;
}

std::optional<base::Bytes> Archive::Get(pg::SystemIdentifier system, std::string_view file_name) {
  const std::optional<std::string> digest = FindObject(system, file_name);
  if (!digest) return std::nullopt;
  const std::string object =
      FilePrefix(WalPrefix(source_, system), TimelineOf(file_name), file_name) + *digest;
  return base::WithContext([&] { return fmt::format("the archive of {}", source_); },
                           [&] {
                             base::Bytes contents = Open(object, *digest);
                             const pg::WalFileKind kind = *pg::WalFileKindOf(file_name);
                             if (IsSegmentKind(kind)) {
                               CheckOwnSegment(contents, file_name, system);
                             } else {
                               CheckText(contents, file_name, kind);
                             }
                             return std::optional(std::move(contents));
                           });
}

bool Archive::Contains(pg::SystemIdentifier system, std::string_view file_name) {
  return FindObject(system, file_name).has_value();
}

bool Archive::ContainsSealed(pg::SystemIdentifier system, std::string_view file_name) {
  const std::optional<std::string> digest = FindObject(system, file_name);
  if (!digest) return false;
  repo::CheckBlobSeal(
      repository_->keyring(), repository_->storage(),
      FilePrefix(WalPrefix(source_, system), TimelineOf(file_name), file_name) + *digest);
  return true;
}

bool Archive::Holds(pg::SystemIdentifier system, std::string_view file_name,
                    base::ByteView contents) {
  const std::vector<std::string> digests =
      StoredDigests(repository_->storage(),
                    FilePrefix(WalPrefix(source_, system), TimelineOf(file_name), file_name));
  return std::ranges::find(digests, DigestOf(contents)) != digests.end();
}

std::string Archive::Seal(pg::SystemIdentifier system, std::string_view file_name,
                          base::ByteView contents) const {
  // The object's name holds all of it, the content as its digest.
  const std::string object =
      FilePrefix(WalPrefix(source_, system), TimelineOf(file_name), file_name) + DigestOf(contents);
  return base::ToHex(repository_->keyring().ContentDigest(kSealPurpose, base::AsBytes(object)));
}

bool Archive::HasWalOf(pg::SystemIdentifier system, pg::TimelineId timeline) {
  const std::string wal_prefix = WalPrefix(source_, system);
  bool found = false;
  repository_->storage().List(
      wal_prefix + TimelineFolder(timeline), "", [&](const storage::ObjectInfo& object) {
        const auto file = ParseFileObject(std::string_view(object.name).substr(wal_prefix.size()));
        const auto kind = file ? pg::WalFileKindOf(file->file_name) : std::nullopt;
        found = found || (kind && IsSegmentKind(*kind));
      });
  if (found) return true;
  repository_->storage().List(TailPrefix(source_, system) + TimelineFolder(timeline), "",
                              [&](const storage::ObjectInfo&) { found = true; });
  return found;
}

bool Archive::HasLaterSegment(pg::SystemIdentifier system, std::string_view file_name) {
  const std::string prefix = WalPrefix(source_, system);
  const std::string folder = prefix + TimelineFolder(TimelineOf(file_name));
  bool found = false;
  // '~' sorts after all that can follow the segment's own name.
  repository_->storage().List(
      folder, fmt::format("{}{}~", folder, file_name.substr(0, 24)),
      [&](const storage::ObjectInfo& object) {
        const auto file = ParseFileObject(std::string_view(object.name).substr(prefix.size()));
        found = found || (file && pg::WalFileKindOf(file->file_name) == pg::WalFileKind::kSegment);
      });
  return found;
}

bool Archive::HasEarlierSegment(pg::SystemIdentifier system, std::string_view file_name) {
  const std::string prefix = WalPrefix(source_, system);
  bool found = false;
  repository_->storage().List(
      prefix + TimelineFolder(TimelineOf(file_name)), "", [&](const storage::ObjectInfo& object) {
        const auto file = ParseFileObject(std::string_view(object.name).substr(prefix.size()));
        found = found || (file && pg::WalFileKindOf(file->file_name) == pg::WalFileKind::kSegment &&
                          file->file_name < file_name);
      });
  return found;
}

std::vector<pg::SystemIdentifier> Archive::Systems() {
  const std::string prefix = SourcePrefix(source_);
  std::vector<pg::SystemIdentifier> systems;
  repository_->storage().List(prefix, "", [&](const storage::ObjectInfo& object) {
    const std::string_view rest = std::string_view(object.name).substr(prefix.size());
    const auto system = ParseSystemFolder(rest.substr(0, rest.find('/')));
    if (system && std::ranges::find(systems, *system) == systems.end()) systems.push_back(*system);
  });
  return systems;
}

std::optional<pg::TimelineHistory> Archive::History(pg::SystemIdentifier system,
                                                    pg::TimelineId timeline) {
  if (timeline <= pg::TimelineId(1)) return std::nullopt;
  const std::optional<base::Bytes> text = Get(system, pg::FormatHistoryName(timeline));
  if (!text) return std::nullopt;
  return pg::TimelineHistory::Parse(timeline, base::AsText(*text));
}

void Archive::RecordTimeline(pg::SystemIdentifier system, pg::TimelineId timeline) {
  const std::string prefix = WalPrefix(source_, system);
  TimelineRecord next{.number = 1, .timeline = timeline};
  std::optional<pg::TimelineId> newest;
  repository_->storage().List(
      prefix + std::string(kTimelineRecords), "", [&](const storage::ObjectInfo& object) {
        const auto record =
            ParseTimelineRecord(std::string_view(object.name).substr(prefix.size()));
        if (!record) return;
        newest = record->timeline;
        next.number = record->number + 1;
      });
  if (newest == timeline) return;
  const std::string text = fmt::format("{}\n", timeline.value());
  (void)repository_->storage().Put(TimelineRecordObject(prefix, next), base::AsBytes(text));
}

std::optional<pg::TimelineId> Archive::RecordedTimeline(pg::SystemIdentifier system) {
  const std::string prefix = WalPrefix(source_, system);
  std::optional<pg::TimelineId> newest;
  repository_->storage().List(
      prefix + std::string(kTimelineRecords), "", [&](const storage::ObjectInfo& object) {
        const auto record =
            ParseTimelineRecord(std::string_view(object.name).substr(prefix.size()));
        if (record) newest = record->timeline;
      });
  return newest;
}

}  // namespace holdfast::wal
