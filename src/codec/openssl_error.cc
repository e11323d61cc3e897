#include "codec/openssl_error.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <array>

#include "base/error.h"

namespace holdfast::codec {

void CheckOpenSsl(bool ok, std::string_view what) {
  if (ok) return;
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  throw base::Error(base::ErrorKind::kInternal, fmt::format("{} failed: {}", what, text.data()));
}

}  // namespace holdfast::codec
