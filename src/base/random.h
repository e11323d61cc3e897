// Cryptographically secure random bytes from the kernel.
#pragma once

#include <string>

#include "base/bytes.h"

namespace holdfast::base {

void FillRandom(MutableByteView out);
// `byte_count` random bytes as lower-case hex.
std::string RandomHex(std::size_t byte_count);

}  // namespace holdfast::base
