// Reading a file that a server writes to, so that no page is put together from two reads.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/file.h"

namespace holdfast::pg {

// Reads up to out.size() bytes at `offset`, fewer only where the file ends. Each page that is
// aligned in the file comes from a single read(2).
std::size_t ReadPages(const base::File& file, std::uint64_t offset, base::MutableByteView out);

}  // namespace holdfast::pg
