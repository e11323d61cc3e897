#include "wal/spool_chunk.h"

#include <algorithm>

#include "pg/crc32c.h"

namespace holdfast::wal {

namespace {

constexpr std::uint32_t kMagic = 0x4C415748;  // "HWAL"

struct ChunkHeader {
  std::uint32_t length = 0;
  pg::Lsn start;
  std::uint32_t crc = 0;
};

base::Bytes EncodeFields(std::uint32_t length, pg::Lsn start) {
  base::ByteWriter fields;
  fields.U32(length);
  fields.U64(start.value());
  return fields.Take();
}

std::uint32_t ChunkCrc(std::uint32_t length, pg::Lsn start, base::ByteView bytes) {
  pg::Crc32c crc;
  crc.Extend(EncodeFields(length, start));
  crc.Extend(bytes);
  return crc.value();
}

std::optional<ChunkHeader> ParseHeader(base::ByteView bytes) {
  base::ByteReader in(bytes, "spool chunk");
  if (in.U32() != kMagic) return std::nullopt;
  ChunkHeader header;
  header.length = in.U32();
  header.start = pg::Lsn(in.U64());
  header.crc = in.U32();
  if (header.length == 0 || header.length > kMaxChunkBytes) return std::nullopt;
  return header;
}

}  // namespace

base::Bytes EncodeChunk(pg::Lsn start, base::ByteView bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  base::ByteWriter out;
  out.U32(kMagic);
  out.Raw(EncodeFields(length, start));
  out.U32(ChunkCrc(length, start, bytes));
  out.Raw(bytes);
  return out.Take();
}

SoundChunks ReadChunks(const base::File& file, std::uint64_t limit, pg::Lsn start,
                       const std::function<void(base::ByteView)>& visit) {
  SoundChunks sound{.file_bytes = 0, .end = start};
  base::Bytes header_bytes(kChunkHeaderSize);
  base::Bytes bytes;
  while (sound.file_bytes + kChunkHeaderSize <= limit) {
    if (file.ReadAt(sound.file_bytes, header_bytes) < kChunkHeaderSize) break;
    const std::optional<ChunkHeader> header = ParseHeader(header_bytes);
    if (!header || header->start != sound.end) break;
    const std::uint64_t next = sound.file_bytes + kChunkHeaderSize + header->length;
    if (next > limit) break;
    bytes.resize(header->length);
    if (file.ReadAt(sound.file_bytes + kChunkHeaderSize, bytes) < bytes.size()) break;
    if (ChunkCrc(header->length, header->start, bytes) != header->crc) break;
    visit(bytes);
    sound.file_bytes = next;
    sound.end = sound.end + header->length;
  }
  return sound;
}

}  // namespace holdfast::wal
