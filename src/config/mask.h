// Secrets made unreadable before they are shown.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::config {

inline constexpr std::string_view kMask = "********";

// A libpq connection string, keywords or URI: values of password, sslpassword and the like are
// masked. One that cannot be understood is masked from the first doubtful place on.
std::string MaskConnection(std::string_view conninfo);

// "s3://user:secret@host/..." loses the secret; text that is no URL is left alone.
std::string MaskUrlPassword(std::string_view url);

// Keeps the scheme only: webhook URLs carry their secret in the path.
std::string MaskUrl(std::string_view url);

}  // namespace holdfast::config
