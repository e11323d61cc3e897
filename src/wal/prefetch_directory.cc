#include "wal/prefetch_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/random.h"
#include "pg/wal_segment.h"

namespace holdfast::wal {

namespace {

constexpr std::size_t kSegmentNameLength = 24;
constexpr std::string_view kUnfinished = ".tmp";

// The name of the segment that a file is for; empty for files that are for none.
std::string_view SegmentOf(std::string_view file) {
  const std::string_view segment = file.substr(0, kSegmentNameLength);
  const bool ends = file.size() == segment.size() || file[segment.size()] == '.';
  if (!ends || file.ends_with(kUnfinished)) return {};
  return pg::WalFileKindOf(segment) == pg::WalFileKind::kSegment ? segment : std::string_view();
}

// Position within a timeline: names without their timeline.
std::string_view PlaceOf(std::string_view segment_name) { return segment_name.substr(8); }

template <typename Predicate>
std::vector<std::string> FilesWhere(const base::Path& directory, Predicate&& wanted) {
  std::vector<std::string> files = base::NamesIn(directory);
  std::erase_if(files, [&](const std::string& name) { return !wanted(name); });
  return files;
}

void RemoveAll(const base::Path& directory, const std::vector<std::string>& files) {
  std::error_code ignored;  // another process may have taken it
  for (const std::string& file : files) std::filesystem::remove(directory / file, ignored);
}

}  // namespace

PrefetchDirectory::PrefetchDirectory(const Archive& archive, pg::SystemIdentifier system,
                                     base::Path directory)
    : archive_(&archive), system_(system), directory_(std::move(directory)) {
  base::MakeDirectories(directory_);
}

std::optional<base::File> PrefetchDirectory::TryLock() const {
  base::File lock = base::File::Open(directory_ / "lock", O_RDWR | O_CREAT);
  if (::flock(lock.fd(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return std::nullopt;
  throw base::SystemError(errno, fmt::format("cannot lock {}", lock.path().native()));
}

std::vector<std::string> PrefetchDirectory::FilesOf(const std::string& segment_name) const {
  return FilesWhere(directory_,
                    [&](const std::string& file) { return SegmentOf(file) == segment_name; });
}

bool PrefetchDirectory::Contains(const std::string& segment_name) const {
  return !FilesOf(segment_name).empty();
}

void PrefetchDirectory::Put(const std::string& segment_name, base::ByteView contents) {
  const base::Path temporary = directory_ / fmt::format("{}{}", base::RandomHex(8), kUnfinished);
  base::File file = base::File::Open(temporary, O_WRONLY | O_CREAT | O_EXCL);
  file.Append(contents);
  file.Close();
  const std::string seal = archive_->Seal(system_, segment_name, contents);
  const base::Path sealed = directory_ / fmt::format("{}.{}", segment_name, seal);
  if (::rename(temporary.c_str(), sealed.c_str()) != 0) {
    throw base::SystemError(errno, fmt::format("cannot rename a file to {}", sealed.native()));
  }
}

std::optional<base::Bytes> PrefetchDirectory::Take(const std::string& segment_name) {
  const std::vector<std::string> files = FilesOf(segment_name);
  std::optional<base::Bytes> sound;
  for (const std::string& file : files) {
    if (!sound) sound = ReadSound(segment_name, file);
  }
  RemoveAll(directory_, files);  // those left over go with the next segment
  return sound;
}

std::optional<base::Bytes> PrefetchDirectory::ReadSound(const std::string& segment_name,
                                                        const std::string& file) const {
  try {
    std::optional<base::Bytes> bytes = base::ReadFileIfExists(directory_ / file);
    if (!bytes) return std::nullopt;
    const std::string seal = archive_->Seal(system_, segment_name, *bytes);
    if (file == fmt::format("{}.{}", segment_name, seal)) return bytes;
  } catch (const base::Error&) {
    // Not readable: the archive has it.
  }
  return std::nullopt;
}

void PrefetchDirectory::RemoveBefore(const std::string& segment_name) {
  RemoveAll(directory_, FilesWhere(directory_, [&](const std::string& file) {
              const std::string_view segment = SegmentOf(file);
              return !segment.empty() && PlaceOf(segment) < PlaceOf(segment_name);
            }));
}

void PrefetchDirectory::RemoveLeftovers() {
  RemoveAll(directory_, FilesWhere(directory_, [](const std::string& file) {
              return file.ends_with(kUnfinished);
            }));
}

}  // namespace holdfast::wal
