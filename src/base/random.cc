#include "base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/error.h"

namespace holdfast::base {

void FillRandom(MutableByteView out) {
  while (!out.empty()) {
    const ssize_t count = ::getrandom(out.data(), out.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw SystemError(errno, "cannot read random bytes from the kernel");
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

std::string RandomHex(std::size_t byte_count) {
  Bytes bytes(byte_count);
  FillRandom(bytes);
  return ToHex(bytes);
}

}  // namespace holdfast::base
