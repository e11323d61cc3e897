#include "base/error.h"
#include "pg/control_file.h"
#include "pg/crc32c.h"

// The CRC is made right first, or nothing behind it would ever be reached.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  base::Bytes bytes(data, data + size);
  for (const std::size_t crc_offset : {288U, 292U}) {
    if (size < crc_offset + 4) break;
    const std::uint32_t crc = pg::Crc32cOf(base::ByteView(bytes).first(crc_offset));
    base::Bytes sound = bytes;
    for (std::size_t i = 0; i < 4; ++i) {
      sound[crc_offset + i] = static_cast<std::uint8_t>(crc >> (8 * i));
    }
    try {
      static_cast<void>(pg::ClusterStateName(pg::ParseControlFile(sound).state));
    } catch (const base::Error&) {
    }
  }
  try {
    pg::ParseControlFile(bytes);
  } catch (const base::Error&) {
  }
  return 0;
}
