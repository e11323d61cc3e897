#include "codec/aead.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"
#include "codec/openssl_error.h"

namespace holdfast::codec {

namespace {

constexpr std::size_t kNonceSize = 12;
using Nonce = std::array<std::uint8_t, kNonceSize>;

// The counter little-endian, then four zero bytes.
Nonce NonceOf(std::uint64_t counter) {
  Nonce nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[i] = static_cast<std::uint8_t>(counter >> (8 * i));
  return nonce;
}

int IntSize(base::ByteView bytes) {
  if (bytes.size() > std::numeric_limits<int>::max() - kAeadTagSize) {
    throw base::Error(base::ErrorKind::kInternal, "a text too long to be sealed in one piece");
  }
  return static_cast<int>(bytes.size());
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// The key schedule is computed once; each message then only sets its nonce.
Context NewContext(const Key256& key, bool encrypt) {
  Context context(EVP_CIPHER_CTX_new());
  CheckOpenSsl(context != nullptr, "making a cipher");
  CheckOpenSsl(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.view().data(),
                                 nullptr, encrypt ? 1 : 0) == 1,
               "setting a cipher's key");
  return context;
}

}  // namespace

struct Aead::State {
  Context encrypt;
  Context decrypt;
};

Aead::Aead(const Key256& key)
    : state_(std::make_unique<State>(State{NewContext(key, true), NewContext(key, false)})) {}
Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

void Aead::Seal(std::uint64_t counter, base::ByteView associated, base::ByteView plain,
                base::Bytes& out) {
  EVP_CIPHER_CTX* context = state_->encrypt.get();
  const Nonce nonce = NonceOf(counter);
  const int plain_size = IntSize(plain);
  const std::size_t start = out.size();
  out.resize(start + plain.size() + kAeadTagSize);
  std::uint8_t* const cipher_text = out.data() + start;
  int size = 0;
  bool ok = EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()) == 1 &&
            EVP_EncryptUpdate(context, nullptr, &size, associated.data(), IntSize(associated)) == 1;
  if (!plain.empty()) {
    ok = ok && EVP_EncryptUpdate(context, cipher_text, &size, plain.data(), plain_size) == 1;
  }
  std::uint8_t* const tag = cipher_text + plain.size();
  ok = ok && EVP_EncryptFinal_ex(context, tag, &size) == 1 &&
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kAeadTagSize, tag) == 1;
  CheckOpenSsl(ok, "sealing");
}

base::Bytes Aead::Open(std::uint64_t counter, base::ByteView associated, base::ByteView sealed) {
  const base::Error altered(base::ErrorKind::kCorrupt,
                            "sealed bytes were altered, or were sealed under another key");
  if (sealed.size() < kAeadTagSize) throw altered;
  const base::ByteView cipher_text = sealed.first(sealed.size() - kAeadTagSize);
  std::array<std::uint8_t, kAeadTagSize> tag{};
  std::ranges::copy(sealed.last(kAeadTagSize), tag.begin());

  EVP_CIPHER_CTX* context = state_->decrypt.get();
  const Nonce nonce = NonceOf(counter);
  base::Bytes plain(cipher_text.size());
  int size = 0;
  bool ok = EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()) == 1 &&
            EVP_DecryptUpdate(context, nullptr, &size, associated.data(), IntSize(associated)) == 1;
  if (!plain.empty()) {
    ok = ok && EVP_DecryptUpdate(context, plain.data(), &size, cipher_text.data(),
                                 IntSize(cipher_text)) == 1;
  }
  ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kAeadTagSize, tag.data()) == 1;
  CheckOpenSsl(ok, "opening");
  std::uint8_t nothing = 0;
  if (EVP_DecryptFinal_ex(context, &nothing, &size) != 1) {
    OPENSSL_cleanse(plain.data(), plain.size());
    ERR_clear_error();
    throw altered;
  }
  return plain;
}

}  // namespace holdfast::codec
