// What a tombstone says beyond being there (docs/format/protocol.md).
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/clock.h"

namespace holdfast::upkeep {

struct Tombstone {
  base::Time forgotten;  // on the store's clock
  std::string host;
  std::string reason;
  bool even_last = false;  // that it was the last of its kind was meant
};

base::Bytes FormatTombstone(const Tombstone& tombstone);
// False for whatever cannot be read.
bool IsMeantAsLast(base::ByteView contents);

}  // namespace holdfast::upkeep
