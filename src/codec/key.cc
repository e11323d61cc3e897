#include "codec/key.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "base/error.h"
#include "base/random.h"

namespace holdfast::codec {

void Wipe(base::MutableByteView secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

Key256 Key256::Random() {
  Key256 key;
  base::FillRandom(key.bytes_);
  return key;
}

Key256 Key256::From(base::ByteView bytes) {
  if (bytes.size() != kSize) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("a key of {} bytes where {} belong", bytes.size(), kSize));
  }
  Key256 key;
  std::ranges::copy(bytes, key.bytes_.begin());
  return key;
}

Key256::~Key256() { Wipe(bytes_); }

}  // namespace holdfast::codec
