#include "storage/aws_digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/error.h"

namespace holdfast::storage {

namespace {

base::Bytes Digest(const EVP_MD* algorithm, base::ByteView data) {
  base::Bytes digest(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (EVP_Digest(data.data(), data.size(), digest.data(), &size, algorithm, nullptr) != 1) {
    throw base::Error(base::ErrorKind::kInternal, "OpenSSL computes no digest");
  }
  digest.resize(size);
  return digest;
}

}  // namespace

base::Bytes Sha256(base::ByteView data) { return Digest(EVP_sha256(), data); }
base::Bytes Md5(base::ByteView data) { return Digest(EVP_md5(), data); }

base::Bytes HmacSha256(base::ByteView key, std::string_view data) {
  base::Bytes code(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  const base::ByteView bytes = base::AsBytes(data);
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes.data(), bytes.size(),
           code.data(), &size) == nullptr) {
    throw base::Error(base::ErrorKind::kInternal, "OpenSSL computes no HMAC");
  }
  code.resize(size);
  return code;
}

}  // namespace holdfast::storage
