// One pack of content, from the origin's keys to the target's.
#pragma once

#include <cstdint>

#include "codec/compress.h"
#include "replicate/sides.h"
#include "repo/ids.h"
#include "repo/writer.h"

namespace holdfast::replicate {

struct PackCopyOptions {
  codec::CompressionOptions compression;
  std::uint64_t most_bytes;  // a larger pack is compressed with zstd instead
};

// Opens every frame, compares its pages with their hashes, and puts a pack with the same frames in
// the same order. Thread-safe. Memory: the new pack, and 8 MiB of what is read. Error(kCorrupt)
// names what is damaged at the origin.
repo::PackId CopyPack(const Sides& sides, repo::Writer& writer, const repo::PackId& pack,
                      const PackCopyOptions& options);

// What reading it takes, roughly.
std::uint64_t StoredSize(const repo::PackFooter& footer);

}  // namespace holdfast::replicate
