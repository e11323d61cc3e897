// From a configured URL to a storage.
#pragma once

#include <memory>
#include <string_view>

#include "storage/storage.h"

namespace holdfast::storage {

struct OpenOptions {
  // Create the directory when it is missing (init); otherwise a missing one is Error(kNotFound): an
  // unmounted disk must not look like an empty repository.
  bool create = false;
};

// "file:///absolute/path" or a plain absolute path. Throws Error(kUsage) for a scheme it does not
// know.
std::unique_ptr<Storage> OpenStorage(std::string_view url, const OpenOptions& options);

}  // namespace holdfast::storage
