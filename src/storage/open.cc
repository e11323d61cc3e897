#include "storage/open.h"

#include <fmt/format.h>

#include "base/error.h"
#include "storage/directory_storage.h"

namespace holdfast::storage {

namespace {

constexpr std::string_view kFileScheme = "file://";

// The path in a URL or a plain path; "" when it is neither.
std::string_view DirectoryPath(std::string_view url) {
  if (url.starts_with(kFileScheme)) {
    url.remove_prefix(kFileScheme.size());
    // An escaped character; a plain path needs none, and none can be misunderstood there.
    if (url.find('%') != std::string_view::npos) return {};
  }
  return url.starts_with('/') ? url : std::string_view{};
}

}  // namespace

std::unique_ptr<Storage> OpenStorage(std::string_view url, const OpenOptions& options) {
  const std::string_view path = DirectoryPath(url);
  if (path.empty()) {
    throw base::Error(base::ErrorKind::kUsage,
                      fmt::format("\"{}\" is not a place for objects", url),
                      {"write an absolute path, like /srv/backup or file:///srv/backup"});
  }
  return std::make_unique<DirectoryStorage>(base::Path(path),
                                            DirectoryOptions{.create = options.create});
}

}  // namespace holdfast::storage
