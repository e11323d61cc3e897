#include "pg/page_read.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/error.h"

namespace holdfast::pg {

namespace {

constexpr std::uint64_t kPage = 8192;

std::size_t ReadOnce(const base::File& file, std::uint64_t offset, base::MutableByteView out) {
  while (true) {
    const ssize_t count = ::pread(file.fd(), out.data(), out.size(), static_cast<off_t>(offset));
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) {
      throw base::SystemError(errno, fmt::format("cannot read {}", file.path().native()));
    }
  }
}

}  // namespace

std::size_t ReadPages(const base::File& file, std::uint64_t offset, base::MutableByteView out) {
  std::size_t done = 0;
  std::optional<std::size_t> partial;  // what the last read found of the page at `done`
  while (done < out.size()) {
    const std::size_t count = ReadOnce(file, offset + done, out.subspan(done));
    if (count == 0 || count == out.size() - done) return done + count;
    // A short read: the end, or the file grew meanwhile. Whole pages are kept, a part is read again
    // from the page's start until two reads agree.
    const std::uint64_t boundary = (offset + done + count) / kPage * kPage;
    if (boundary > offset + done) {
      done = static_cast<std::size_t>(boundary - offset);
      partial.reset();
    } else if (partial == count) {
      return done + count;
    } else {
      partial = count;
    }
  }
  return done;
}

}  // namespace holdfast::pg
