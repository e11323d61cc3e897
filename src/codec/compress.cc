#include "codec/compress.h"

#include <fmt/format.h>
#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace holdfast::codec {

namespace {

using base::Error;
using base::ErrorKind;

struct FreeZstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using ZstdCompressor = std::unique_ptr<ZSTD_CCtx, FreeZstd>;
using ZstdDecompressor = std::unique_ptr<ZSTD_DCtx, FreeZstd>;

[[noreturn]] void ThrowOutOfMemory() {
  throw Error(ErrorKind::kUnavailable, "no memory for compressing");
}

ZstdCompressor NewZstd(int level) {
  ZstdCompressor context(ZSTD_createCCtx());
  if (!context) ThrowOutOfMemory();
  const std::size_t code = ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  if (ZSTD_isError(code) != 0) {
    throw Error(ErrorKind::kInternal, fmt::format("zstd refuses the compression level {}", level));
  }
  return context;
}

// Room for the worst case lies behind `used` bytes of `out`; says how many of it are used.
std::size_t ZstdInto(ZSTD_CCtx* context, base::ByteView raw, base::Bytes& out, std::size_t used) {
  out.resize(used + ZSTD_compressBound(raw.size()));
  const std::size_t size =
      ZSTD_compress2(context, out.data() + used, out.size() - used, raw.data(), raw.size());
  if (ZSTD_isError(size) != 0) {
    throw Error(ErrorKind::kInternal,
                fmt::format("zstd could not compress: {}", ZSTD_getErrorName(size)));
  }
  return size;
}

std::size_t Lz4Into(base::Bytes& state, base::ByteView raw, base::Bytes& out, std::size_t used) {
  if (raw.size() > LZ4_MAX_INPUT_SIZE) {
    throw Error(ErrorKind::kInternal, "a text too long for lz4");
  }
  const int raw_size = static_cast<int>(raw.size());
  const int bound = LZ4_compressBound(raw_size);
  out.resize(used + static_cast<std::size_t>(bound));
  const int size =
      LZ4_compress_fast_extState(state.data(), reinterpret_cast<const char*>(raw.data()),
                                 reinterpret_cast<char*>(out.data() + used), raw_size, bound, 1);
  if (size <= 0) throw Error(ErrorKind::kInternal, "lz4 could not compress");
  return static_cast<std::size_t>(size);
}

[[noreturn]] void ThrowDamaged(std::string_view codec, std::string_view why) {
  throw Error(ErrorKind::kCorrupt, fmt::format("{} data is damaged: {}", codec, why));
}

void CheckSize(std::string_view codec, std::size_t is, std::size_t should) {
  if (is != should) ThrowDamaged(codec, fmt::format("{} bytes instead of {}", is, should));
}

base::Bytes Unzstd(base::ByteView stored, std::size_t raw_size) {
  thread_local const ZstdDecompressor context(ZSTD_createDCtx());
  if (!context) ThrowOutOfMemory();
  base::Bytes raw(raw_size);
  const std::size_t size =
      ZSTD_decompressDCtx(context.get(), raw.data(), raw.size(), stored.data(), stored.size());
  if (ZSTD_isError(size) != 0) ThrowDamaged("zstd", ZSTD_getErrorName(size));
  CheckSize("zstd", size, raw_size);
  return raw;
}

base::Bytes Unlz4(base::ByteView stored, std::size_t raw_size) {
  if (stored.size() > LZ4_MAX_INPUT_SIZE || raw_size > LZ4_MAX_INPUT_SIZE) {
    ThrowDamaged("lz4", "it is too long");
  }
  base::Bytes raw(raw_size);
  const int size = LZ4_decompress_safe(reinterpret_cast<const char*>(stored.data()),
                                       reinterpret_cast<char*>(raw.data()),
                                       static_cast<int>(stored.size()), static_cast<int>(raw_size));
  if (size < 0) ThrowDamaged("lz4", "it cannot be unpacked");
  CheckSize("lz4", static_cast<std::size_t>(size), raw_size);
  return raw;
}

}  // namespace

struct Compressor::State {
  CompressionOptions options;
  ZstdCompressor zstd;
  // LZ4's hash table, which wants the alignment that the allocator gives.
  base::Bytes lz4;
};

Compressor::Compressor(CompressionOptions options)
    : state_(std::make_unique<State>(State{options, nullptr, {}})) {
  if (options.codec == Codec::kZstd) state_->zstd = NewZstd(options.level);
  if (options.codec == Codec::kLz4) {
    state_->lz4.resize(static_cast<std::size_t>(LZ4_sizeofState()));
  }
}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

Codec Compressor::Append(base::ByteView raw, base::Bytes& out) {
  const std::size_t start = out.size();
  if (state_->options.codec != Codec::kRaw && !raw.empty()) {
    const std::size_t size = state_->zstd ? ZstdInto(state_->zstd.get(), raw, out, start)
                                          : Lz4Into(state_->lz4, raw, out, start);
    if (size < raw.size()) {
      out.resize(start + size);
      return state_->options.codec;
    }
    out.resize(start);
  }
  out.insert(out.end(), raw.begin(), raw.end());
  return Codec::kRaw;
}

base::Bytes Decompress(Codec codec, base::ByteView stored, std::size_t raw_size) {
  switch (codec) {
    case Codec::kRaw:
      CheckSize("uncompressed", stored.size(), raw_size);
      return {stored.begin(), stored.end()};
    case Codec::kZstd:
      return Unzstd(stored, raw_size);
    case Codec::kLz4:
      return Unlz4(stored, raw_size);
  }
  throw Error(ErrorKind::kCorrupt,
              fmt::format("codec {} is not known to this program", static_cast<int>(codec)),
              {"a newer version of holdfast may have written it"});
}

}  // namespace holdfast::codec
