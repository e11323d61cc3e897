// Why there is no answer, in words.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "http/transfer.h"

namespace holdfast::http {

struct Failure {
  CURLcode code = CURLE_OK;
  Abort abort = Abort::kNone;
  std::string_view reason{};  // libcurl's own words, may be empty
  std::string_view url{};
  std::chrono::milliseconds elapsed{};
  std::optional<base::Path> ca_file{};
};

base::Error ConnectFailure(const Failure& failure);

// "https://host:9000" of a URL: what may be shown of it.
std::string_view OriginOf(std::string_view url);

}  // namespace holdfast::http
