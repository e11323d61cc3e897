#include "wal/summaries.h"

#include <utility>

#include "base/error.h"
#include "pg/wal_segment.h"
#include "repo/blob.h"
#include "storage/storage.h"
#include "wal/object_names.h"

namespace holdfast::wal {

namespace {

bool SaysAsMuch(const Summary& stored, const Summary& other) {
  return stored.start <= other.start && stored.end >= other.end;
}

pg::TimelineId TimelineOf(std::string_view segment_name) {
  if (pg::WalFileKindOf(segment_name) != pg::WalFileKind::kSegment) {
    throw base::Error(base::ErrorKind::kInternal, "a summary is of a segment");
  }
  return pg::TimelineId(
      static_cast<std::uint32_t>(std::stoul(std::string(segment_name.substr(0, 8)), nullptr, 16)));
}

}  // namespace

Summaries::Summaries(const repo::Repository& repository, std::string source)
    : repository_(&repository), source_(std::move(source)) {
  repo::CheckSourceName(source_);
}

std::string Summaries::ObjectOf(pg::SystemIdentifier system, std::string_view segment_name) const {
  return SummaryObject(SummaryPrefix(source_, system), TimelineOf(segment_name), segment_name);
}

void Summaries::Put(pg::SystemIdentifier system, std::string_view segment_name,
                    const Summary& summary) {
  const std::string object = ObjectOf(system, segment_name);
  const base::Bytes blob =
      repo::SealBlob(repository_->keyring(), repo::PackKind::kMeta, EncodeSummary(summary), {});
  storage::Storage& storage = repository_->storage();
  if (storage.Put(object, blob) == storage::PutOutcome::kStored) return;
  const std::optional<Summary> stored = Get(system, segment_name);
  if (stored && SaysAsMuch(*stored, summary)) return;
  (void)storage.Remove(object);
  (void)storage.Put(object, blob);
}

std::optional<Summary> Summaries::Get(pg::SystemIdentifier system,
                                      std::string_view segment_name) const {
  const std::string object = ObjectOf(system, segment_name);
  const std::optional<base::Bytes> stored = repository_->storage().Get(object);
  if (!stored) return std::nullopt;
  try {
    return DecodeSummary(repo::OpenBlob(repository_->keyring(), object, *stored));
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return std::nullopt;
  }
}

std::optional<std::string> SummariseInto(Summaries& summaries, pg::SystemIdentifier system,
                                         std::string_view segment_name, base::ByteView bytes,
                                         const PreviousSegment& previous) {
  try {
    if (const std::optional<Summary> summary = Summarise(bytes, previous)) {
      summaries.Put(system, segment_name, *summary);
    }
    return std::nullopt;
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::kInternal) throw;
    return error.message();
  }
}

}  // namespace holdfast::wal
