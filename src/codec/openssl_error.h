// Failures of OpenSSL that no input explains.
#pragma once

#include <string_view>

namespace holdfast::codec {

// Throws Error(kInternal) with OpenSSL's own words unless `ok`.
void CheckOpenSsl(bool ok, std::string_view what);

}  // namespace holdfast::codec
