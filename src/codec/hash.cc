#include "codec/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

#include <algorithm>

#include "codec/openssl_error.h"

namespace holdfast::codec {

namespace {

// The OpenSSL interfaces take parameters by pointer to non-const and only read them.
OSSL_PARAM OctetParam(const char* name, base::ByteView bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()),
                                           bytes.size());
}

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeKdf {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

}  // namespace

struct Sha256Stream::State {
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context;
};

Sha256Stream::Sha256Stream()
    : state_(std::make_unique<State>(State{.context{EVP_MD_CTX_new(), FreeDigest()}})) {
  CheckOpenSsl(
      state_->context && EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1,
      "starting SHA-256");
}
Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::Update(base::ByteView bytes) {
  CheckOpenSsl(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "SHA-256");
}

Digest Sha256Stream::Finish() {
  Digest digest{};
  CheckOpenSsl(EVP_DigestFinal_ex(state_->context.get(), digest.data(), nullptr) == 1, "SHA-256");
  return digest;
}

Digest Sha256(base::ByteView bytes) {
  Digest digest{};
  CheckOpenSsl(
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1,
      "SHA-256");
  return digest;
}

Digest HmacSha256(const Key256& key, base::ByteView bytes) {
  Digest digest{};
  unsigned int size = 0;
  CheckOpenSsl(HMAC(EVP_sha256(), key.view().data(), static_cast<int>(Key256::kSize), bytes.data(),
                    bytes.size(), digest.data(), &size) != nullptr &&
                   size == digest.size(),
               "HMAC-SHA-256");
  return digest;
}

Key256 DeriveKey(const Key256& key, base::ByteView salt, std::string_view purpose) {
  const std::unique_ptr<EVP_KDF, FreeKdf> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  CheckOpenSsl(kdf != nullptr, "finding HKDF");
  const std::unique_ptr<EVP_KDF_CTX, FreeKdf> context(EVP_KDF_CTX_new(kdf.get()));
  CheckOpenSsl(context != nullptr, "starting HKDF");

  std::array<char, 7> hash_name{"SHA256"};
  std::array<OSSL_PARAM, 5> params{
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash_name.data(), 0),
      OctetParam(OSSL_KDF_PARAM_KEY, key.view()),
      OctetParam(OSSL_KDF_PARAM_INFO, base::AsBytes(purpose)),
      // RFC 5869: no salt is the same as 32 zero bytes.
      salt.empty() ? OSSL_PARAM_construct_end() : OctetParam(OSSL_KDF_PARAM_SALT, salt),
      OSSL_PARAM_construct_end()};
  std::array<std::uint8_t, Key256::kSize> derived{};
  CheckOpenSsl(EVP_KDF_derive(context.get(), derived.data(), derived.size(), params.data()) == 1,
               "HKDF");
  const Key256 result = Key256::From(derived);
  sodium_memzero(derived.data(), derived.size());
  return result;
}

PageHasher::PageHasher(const Key256& key) {
  static_assert(crypto_shorthash_KEYBYTES == 16);
  std::ranges::copy(key.view().first(key_.size()), key_.begin());
}

std::uint64_t PageHasher::operator()(base::ByteView page) const {
  static_assert(crypto_shorthash_BYTES == 8);
  std::array<std::uint8_t, crypto_shorthash_BYTES> hash{};
  crypto_shorthash(hash.data(), page.data(), page.size(), key_.data());
  return base::ByteReader(hash, "page hash").U64();
}

}  // namespace holdfast::codec
