#include "restore/unfinished_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "storage/directory_publish.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void ReportTaken(const base::Path& path) {
  throw base::Error(base::ErrorKind::kConflict, fmt::format("{} exists already", path.native()),
                    {"give another name, or move it out of the way"});
}

}  // namespace

void CheckFreeName(const base::Path& path) {
  if (fs::exists(fs::symlink_status(path))) ReportTaken(path);
  const base::Path folder = path.parent_path();
  if (fs::is_directory(folder)) return;
  throw base::Error(base::ErrorKind::kNotFound,
                    fmt::format("there is no folder {}", folder.native()),
                    {"make it first: mkdir -p " + folder.native()});
}

UnfinishedFile::UnfinishedFile(base::Path path)
    : path_(std::move(path)),
      temporary_(fmt::format(".{}.{}.tmp", path_.filename().native(), base::RandomHex(4))),
      file_(base::File::Open(path_.parent_path() / temporary_, O_WRONLY | O_CREAT | O_EXCL)) {}

UnfinishedFile::~UnfinishedFile() {
  if (!published_) ::unlink((path_.parent_path() / temporary_).c_str());
}

void UnfinishedFile::Publish() {
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
