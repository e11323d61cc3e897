// First byte: which kind of frame. Whatever decodes, encodes to something that decodes to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "repo/tree_codec.h"

namespace {

using namespace holdfast;

repo::PackId Self() {
  repo::PackId self;
  self.bytes.fill(0xEE);
  return self;
}

std::vector<repo::TreeEntry> DecodeGroup(base::ByteView frame) {
  repo::TreeGroupDecoder decoder(frame, Self());
  std::vector<repo::TreeEntry> entries;
  while (auto entry = decoder.Next()) entries.push_back(std::move(*entry));
  return entries;
}

template <typename Encoder, typename Entry>
base::Bytes Encode(const std::vector<Entry>& entries) {
  Encoder encoder([](const repo::PackId& pack) { return pack; });
  for (const auto& entry : entries) encoder.Add(entry);
  return encoder.Encode(encoder.packs());
}

void Require(bool condition) {
  if (!condition) std::abort();
}

void Check(std::uint8_t kind, base::ByteView frame) {
  if (kind == 0) {
    const auto entries = DecodeGroup(frame);
    Require(DecodeGroup(Encode<repo::TreeGroupEncoder>(entries)) == entries);
  } else if (kind == 1) {
    const auto entries = repo::DecodeTreeIndex(frame, Self());
    Require(repo::DecodeTreeIndex(Encode<repo::TreeIndexEncoder>(entries), Self()) == entries);
  } else {
    const auto extents = repo::DecodeExtents(frame);
    Require(repo::DecodeExtents(repo::EncodeExtents(extents)) == extents);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A frame is never longer than this, and paths that share their beginnings make long work of it.
  if (size == 0 || size > 65536) return 0;
  try {
    Check(static_cast<std::uint8_t>(data[0] % 3), {data + 1, size - 1});
  } catch (const base::Error& error) {
    Require(error.kind() == base::ErrorKind::kCorrupt);
  }
  return 0;
}
