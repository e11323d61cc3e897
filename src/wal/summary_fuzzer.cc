// Whatever decodes encodes to something that decodes to the same; whatever is summarised can be
// encoded.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "wal/summary.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const base::ByteView bytes(data, size);
  try {
    const wal::Summary summary = wal::DecodeSummary(bytes);
    if (wal::DecodeSummary(wal::EncodeSummary(summary)) != summary) std::abort();
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) std::abort();
  }
  try {
    const auto none = [](std::uint64_t) -> std::optional<base::Bytes> { return std::nullopt; };
    if (const auto summary = wal::Summarise(bytes, none)) {
      if (wal::DecodeSummary(wal::EncodeSummary(*summary)) != *summary) std::abort();
    }
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) std::abort();
  }
  return 0;
}
