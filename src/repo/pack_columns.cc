#include <fmt/format.h>

#include "base/error.h"
#include "codec/aead.h"
#include "codec/compress.h"
#include "repo/pack_format.h"

namespace holdfast::repo {

namespace {

// Bit 0 is kept for a column of content ids.
constexpr std::uint8_t kNoFlags = 0;
// Kind, codec and two sizes of at least a byte.
constexpr std::size_t kLeastPerFrame = 4;

[[noreturn]] void ThrowCorrupt(std::string message) {
  throw base::Error(base::ErrorKind::kCorrupt, std::move(message));
}

FrameKind CheckedKind(std::uint8_t number) {
  if (number < static_cast<int>(FrameKind::kPages) || number > static_cast<int>(FrameKind::kBlob)) {
    ThrowCorrupt(fmt::format("frame kind {} is not known to this program", number));
  }
  return static_cast<FrameKind>(number);
}

// A builder stores a frame raw when compressing does not make it smaller.
bool SizesAgree(const FrameInfo& frame) {
  const std::uint64_t content = frame.stored_size - codec::kAeadTagSize;
  return frame.codec == codec::Codec::kRaw ? content == frame.raw_size : content < frame.raw_size;
}

void CheckFrame(const FrameInfo& frame, std::size_t number) {
  if (frame.raw_size > MaxFrameSize(frame.kind)) {
    ThrowCorrupt(fmt::format("frame {} says that it holds {} bytes", number, frame.raw_size));
  }
  if (frame.stored_size < codec::kAeadTagSize || !SizesAgree(frame)) {
    ThrowCorrupt(fmt::format("frame {} says that it stores {} bytes in {}", number, frame.raw_size,
                             frame.stored_size));
  }
  if (frame.kind == FrameKind::kPages && frame.raw_size % kPageSize != 0) {
    ThrowCorrupt(fmt::format("frame {} holds a part of a page", number));
  }
}

std::vector<FrameInfo> ReadFrames(base::ByteReader& reader, std::uint32_t count) {
  if (reader.remaining() / kLeastPerFrame < count) {
    ThrowCorrupt(fmt::format("a footer too short for {} frames", count));
  }
  std::vector<FrameInfo> frames(count);
  for (FrameInfo& frame : frames) frame.kind = CheckedKind(reader.U8());
  // Codecs are checked when the frame is opened: an unknown one need not keep others from being
  // read.
  for (FrameInfo& frame : frames) frame.codec = static_cast<codec::Codec>(reader.U8());
  constexpr std::uint64_t max_stored = kMaxLongFrameSize + codec::kAeadTagSize;
  for (FrameInfo& frame : frames) {
    frame.stored_size = static_cast<std::uint32_t>(reader.VarintUpTo(max_stored));
  }
  for (FrameInfo& frame : frames) {
    frame.raw_size = static_cast<std::uint32_t>(reader.VarintUpTo(kMaxLongFrameSize));
  }
  return frames;
}

void PlaceFrames(std::vector<FrameInfo>& frames, const FooterLayout& layout) {
  std::uint64_t offset = layout.frames_begin;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    CheckFrame(frames[i], i);
    frames[i].offset = offset;
    offset += frames[i].stored_size;
  }
  if (offset != layout.frames_end) {
    ThrowCorrupt(fmt::format("frames end at {} instead of {}", offset, layout.frames_end));
  }
}

std::vector<std::uint64_t> ReadPageHashes(base::ByteReader& reader) {
  if (reader.remaining() % sizeof(std::uint64_t) != 0) ThrowCorrupt("a cut page hash");
  std::vector<std::uint64_t> hashes(reader.remaining() / sizeof(std::uint64_t));
  for (std::uint64_t& hash : hashes) hash = reader.U64();
  return hashes;
}

}  // namespace

base::Bytes EncodeFooterColumns(std::span<const FrameInfo> frames,
                                std::span<const std::uint64_t> page_hashes) {
  base::ByteWriter writer;
  writer.U8(kNoFlags);
  for (const FrameInfo& frame : frames) writer.U8(static_cast<std::uint8_t>(frame.kind));
  for (const FrameInfo& frame : frames) writer.U8(static_cast<std::uint8_t>(frame.codec));
  for (const FrameInfo& frame : frames) writer.Varint(frame.stored_size);
  for (const FrameInfo& frame : frames) writer.Varint(frame.raw_size);
  for (const std::uint64_t hash : page_hashes) writer.U64(hash);
  return writer.Take();
}

PackFooter ParseFooterColumns(base::ByteView columns, const FooterLayout& layout) {
  base::ByteReader reader(columns, "footer");
  if (const int flags = reader.U8(); flags != kNoFlags) {
    ThrowCorrupt(fmt::format("footer flags {} are not known to this program", flags));
  }
  if (layout.frame_count == 0) ThrowCorrupt("a pack without frames");
  std::vector<FrameInfo> frames = ReadFrames(reader, layout.frame_count);
  PlaceFrames(frames, layout);
  return {std::move(frames), ReadPageHashes(reader)};
}

base::Bytes PackFooterColumns(base::ByteView columns) {
  base::Bytes compressed;
  const codec::Codec codec = codec::Compressor({}).Append(columns, compressed);
  base::ByteWriter writer;
  writer.U8(static_cast<std::uint8_t>(codec));
  writer.U32(static_cast<std::uint32_t>(columns.size()));
  writer.Raw(compressed);
  return writer.Take();
}

base::Bytes UnpackFooterColumns(base::ByteView plain) {
  base::ByteReader reader(plain, "footer");
  const auto codec = static_cast<codec::Codec>(reader.U8());
  const std::uint32_t size = reader.U32();
  if (size > kMaxFooterColumns) ThrowCorrupt(fmt::format("a footer of {} bytes", size));
  return codec::Decompress(codec, reader.Raw(reader.remaining()), size);
}

}  // namespace holdfast::repo
