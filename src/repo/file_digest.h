// The keyed digest of a file's content that tree entries carry: tells whether a file changed, and
// checks a restored one.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "repo/keyring.h"

namespace holdfast::repo {

using ContentDigest = std::array<std::uint8_t, 16>;

// The digest of the digests of the content's pieces of 128 KiB (the last may be shorter), so that a
// file of any size is digested in bounded memory. Content may be added in pieces of any size.
class FileDigester {
 public:
  explicit FileDigester(const Keyring& keyring) : keyring_(keyring) {}
  void Add(base::ByteView content);
  ContentDigest Finish();  // once

 private:
  void TakePiece(base::ByteView piece);
  const Keyring& keyring_;
  base::Bytes partial_;
  base::Bytes digests_;
};

ContentDigest DigestOf(const Keyring& keyring, base::ByteView content);

}  // namespace holdfast::repo
