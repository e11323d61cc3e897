// Compression of frames. Codec numbers are part of the format (docs/format/pack.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace holdfast::codec {

enum class Codec : std::uint8_t { kRaw = 0, kZstd = 1, kLz4 = 2 };

struct CompressionOptions {
  Codec codec = Codec::kZstd;
  int level = 1;  // zstd: 1 to 19; ignored otherwise
};

// Keeps its working memory between calls; one per thread.
class Compressor {
 public:
  explicit Compressor(CompressionOptions options);
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  // Appends the compressed form of `raw` to `out` and says which codec was used: kRaw where
  // compressing does not help.
  Codec Append(base::ByteView raw, base::Bytes& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Exactly `raw_size` bytes, or Error(kCorrupt). An unknown codec number is Error(kCorrupt) naming
// it.
base::Bytes Decompress(Codec codec, base::ByteView stored, std::size_t raw_size);

}  // namespace holdfast::codec
