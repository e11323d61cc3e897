#include "restore/unfinished_file.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "restore/surroundings.h"
#include "storage/directory_publish.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void ReportTaken(const base::Path& path) {
  throw base::Error(base::ErrorKind::kConflict, fmt::format("{} exists already", path.native()),
                    {"give another name, or move it out of the way"});
}

std::string TemporaryName(const base::Path& path) {
  return fmt::format(".{}.{}.tmp", path.filename().native(), base::RandomHex(4));
}

}  // namespace

void CheckFreeName(const base::Path& path) {
  RequireOutsideClusters(path);
  if (fs::exists(fs::symlink_status(path))) ReportTaken(path);
  const base::Path folder = path.parent_path();
  if (fs::is_directory(folder)) return;
  throw base::Error(base::ErrorKind::kNotFound,
                    fmt::format("there is no folder {}", folder.native()),
                    {"make it first: mkdir -p " + folder.native()});
}

UnfinishedFile UnfinishedFile::ForAnother(base::Path path) {
  const std::string folder = TemporaryName(path);
  base::MakeDirectories(path.parent_path() / folder);
  return {std::move(path), folder + "/whole.7z"};
}

UnfinishedFile::UnfinishedFile(base::Path path, std::string temporary)
    : path_(std::move(path)), temporary_(std::move(temporary)) {}

UnfinishedFile::UnfinishedFile(base::Path path)
    : path_(std::move(path)),
      temporary_(TemporaryName(path_)),
      file_(base::File::Open(place(), O_WRONLY | O_CREAT | O_EXCL)) {}

UnfinishedFile::~UnfinishedFile() {
  std::error_code ignored;  // nobody takes what is left for whole
  const bool in_folder = temporary_.find('/') != std::string::npos;
  if (in_folder) {
    fs::remove_all(place().parent_path(), ignored);
  } else if (!published_) {
    fs::remove(place(), ignored);
  }
}

void UnfinishedFile::Publish() {
  if (!file_.is_open()) {
    file_ = base::File::Open(place(), O_RDONLY);
    fs::permissions(place(), fs::perms::owner_read | fs::perms::owner_write);
  }
  file_.Sync();
  const base::File folder = base::File::Open(path_.parent_path(), O_RDONLY | O_DIRECTORY);
  switch (storage::Publish(storage::SystemPublishCalls(), folder, file_, temporary_,
                           path_.filename().native())) {
    case storage::PublishOutcome::kPublished:
      break;
    case storage::PublishOutcome::kNameTaken:
      ReportTaken(path_);
    case storage::PublishOutcome::kTemporaryGone:
      throw base::Error(base::ErrorKind::kConflict,
                        fmt::format("{} was removed by somebody", file_.path().native()));
  }
  published_ = true;
  file_.Close();
  base::SyncDirectory(path_.parent_path());
}

}  // namespace holdfast::restore
