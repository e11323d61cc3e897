// Where the files go that turn a copy of a cluster's files into a cluster that recovers.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "restore/file_writer.h"

namespace holdfast::restore {

class SmallFiles {
 public:
  virtual ~SmallFiles() = default;
  // A whole file, below the data directory. Returns what a manifest says of it.
  virtual WrittenFile Write(std::string_view path, base::ByteView contents, std::uint32_t mode) = 0;
};

}  // namespace holdfast::restore
