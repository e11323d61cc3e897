#include "wal/prefetch_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <vector>

#include "base/error.h"
#include "pg/wal_segment.h"
#include "wal/segment_check.h"

namespace holdfast::wal {

namespace {

bool IsSegment(const std::string& name) {
  return pg::WalFileKindOf(name) == pg::WalFileKind::kSegment;
}

// Position within a timeline: names without their timeline.
std::string_view PlaceOf(std::string_view segment_name) { return segment_name.substr(8); }

template <typename Predicate>
void RemoveIf(const base::Path& directory, Predicate&& is_old) {
  std::vector<base::Path> old;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    if (is_old(file.path().filename().native())) old.push_back(file.path());
  }
  std::error_code ignored;  // another process may have taken it
  for (const base::Path& path : old) std::filesystem::remove(path, ignored);
}

}  // namespace

PrefetchDirectory::PrefetchDirectory(base::Path directory, pg::SystemIdentifier system)
    : directory_(std::move(directory)), system_(system) {
  base::MakeDirectories(directory_);
}

std::optional<base::File> PrefetchDirectory::TryLock() const {
  base::File lock = base::File::Open(directory_ / "lock", O_RDWR | O_CREAT);
  if (::flock(lock.fd(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return std::nullopt;
  throw base::SystemError(errno, fmt::format("cannot lock {}", lock.path().native()));
}

bool PrefetchDirectory::Contains(const std::string& segment_name) const {
  return std::filesystem::exists(directory_ / segment_name);
}

void PrefetchDirectory::Put(const std::string& segment_name, base::ByteView contents) {
  base::WriteFileDurably(directory_ / segment_name, contents);
}

std::optional<base::Bytes> PrefetchDirectory::Take(const std::string& segment_name) {
  const base::Path path = directory_ / segment_name;
  std::optional<base::Bytes> bytes = base::ReadFileIfExists(path);
  if (!bytes) return std::nullopt;
  std::error_code ignored;  // left over, it is removed with the next segment
  std::filesystem::remove(path, ignored);
  try {
    if (CheckSegment(*bytes, segment_name).system == system_) return bytes;
  } catch (const base::Error&) {
    // Altered on the disk: the archive has it.
  }
  return std::nullopt;
}

void PrefetchDirectory::RemoveBefore(const std::string& segment_name) {
  RemoveIf(directory_, [&](const std::string& name) {
    return IsSegment(name) && PlaceOf(name) < PlaceOf(segment_name);
  });
}

void PrefetchDirectory::RemoveLeftovers() {
  RemoveIf(directory_, [](const std::string& name) { return name.ends_with(".tmp"); });
}

}  // namespace holdfast::wal
