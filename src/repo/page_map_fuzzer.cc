// Whatever decodes is well-formed, and encodes to something that decodes to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repo/page_map.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  try {
    const repo::PageMap map = repo::DecodePageMap({data, size});
    if (repo::DecodePageMap(repo::EncodePageMap(map)) != map) std::abort();
    if (map.page_count > 0) (void)map.Find(map.page_count - 1);
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) std::abort();
  }
  return 0;
}
