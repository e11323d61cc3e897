// One HTTP request and its answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace holdfast::http {

struct Header {
  std::string name;
  std::string value;
};
using Headers = std::vector<Header>;

// The value of the first header of that name, compared without case; null when there is none.
const std::string* Find(const Headers& headers, std::string_view name);

// A header that holds a whole number, "Content-Length" for example; empty when it is not there or
// is none.
std::optional<std::uint64_t> FindNumber(const Headers& headers, std::string_view name);

// "Wed, 21 Oct 2026 07:28:00 GMT"; empty when it is no date.
std::optional<base::Time> ParseDate(std::string_view text);

struct Request {
  std::string method = "GET";
  std::string url{};
  Headers headers{};
  // Sent by PUT and POST only; must live until the request is over.
  base::ByteView body{};
  // A longer answer is Error(kUnavailable), not a cut one.
  std::uint64_t max_answer = base::kMiB;
  // Never through a proxy: for addresses that mean this machine.
  bool direct = false;
};

struct Response {
  int status = 0;
  Headers headers{};
  base::Bytes body{};
};

}  // namespace holdfast::http
