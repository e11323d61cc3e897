// A folder that is gone with its owner.
#pragma once

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/file.h"

namespace holdfast::storage {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast.XXXXXX").native();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw base::SystemError(errno, "cannot create " + pattern);
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const base::Path& path() const { return path_; }

 private:
  base::Path path_;
};

}  // namespace holdfast::storage
