// The chunks of a spool file: encoding, and finding how far a file is sound.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/bytes.h"
#include "base/file.h"
#include "pg/lsn.h"

namespace holdfast::wal {

inline constexpr std::size_t kChunkHeaderSize = 20;
inline constexpr std::uint32_t kMaxChunkBytes = 1024 * 1024;

// Header and bytes, ready to be written with one call.
base::Bytes EncodeChunk(pg::Lsn start, base::ByteView bytes);

struct SoundChunks {
  std::uint64_t file_bytes = 0;  // whole chunks from the file's start; what follows is not sound
  pg::Lsn end;                   // one past the last chunk's last byte
};
// Reads chunks from the start of `file`, at most up to `limit` bytes of it, as long as they are
// whole and abut, beginning at `start`; hands each on.
SoundChunks ReadChunks(const base::File& file, std::uint64_t limit, pg::Lsn start,
                       const std::function<void(base::ByteView)>& visit);

}  // namespace holdfast::wal
