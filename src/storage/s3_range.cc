#include "storage/s3_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/error.h"

namespace holdfast::storage {

namespace {

constexpr std::uint64_t kLast = std::numeric_limits<std::int64_t>::max();

// "bytes 0-9/100", "bytes */100".
struct ContentRange {
  std::optional<std::uint64_t> first;  // empty for "*"
  std::uint64_t last = 0;
  std::uint64_t total = 0;
};

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return number;
}

std::optional<ContentRange> ParseContentRange(const http::Response& response) {
  const std::string* text = http::Find(response.headers, "Content-Range");
  constexpr std::string_view kUnit = "bytes ";
  if (text == nullptr || !text->starts_with(kUnit)) return std::nullopt;
  const std::string_view range = std::string_view(*text).substr(kUnit.size());
  const auto slash = range.find('/');
  const auto total =
      slash == std::string_view::npos ? std::nullopt : Number(range.substr(slash + 1));
  if (!total) return std::nullopt;
  if (range.substr(0, slash) == "*") return ContentRange{.first = {}, .total = *total};
  const auto dash = range.find('-');
  if (dash == std::string_view::npos || dash > slash) return std::nullopt;
  const auto first = Number(range.substr(0, dash));
  const auto last = Number(range.substr(dash + 1, slash - dash - 1));
  if (!first || !last) return std::nullopt;
  return ContentRange{.first = *first, .last = *last, .total = *total};
}

base::Error WrongPart() {
  return base::Error(base::ErrorKind::kUnavailable,
                     "the store's answer is of another part than was asked for");
}

}  // namespace

bool ByteRange::CanBeAsked() const { return length > 0 && offset < kLast; }

std::string ByteRange::ToHeader() const {
  if (length > kLast - offset) return fmt::format("bytes={}-", offset);
  return fmt::format("bytes={}-{}", offset, offset + length - 1);
}

base::Bytes CutRange(const ByteRange& range, http::Response response) {
  if (response.status == 416) return {};  // it begins behind the end
  base::Bytes body = std::move(response.body);
  if (response.status == 200) {  // a store that knows no ranges sends everything
    const std::uint64_t begin = std::min<std::uint64_t>(range.offset, body.size());
    const std::uint64_t end = begin + std::min<std::uint64_t>(range.length, body.size() - begin);
    body.resize(end);
    body.erase(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(begin));
    return body;
  }
  const auto said = ParseContentRange(response);
  if (!said || said->first != range.offset || said->total <= range.offset) throw WrongPart();
  const std::uint64_t expected = std::min(range.length, said->total - range.offset);
  if (body.size() != expected || said->last - range.offset + 1 != expected) throw WrongPart();
  return body;
}

std::optional<std::uint64_t> WholeSize(const http::Response& response) {
  if (response.status == 200) return response.body.size();
  const auto said = ParseContentRange(response);
  if (said) return said->total;
  // Only an empty object has no first byte.
  return response.status == 416 ? std::optional<std::uint64_t>(0) : std::nullopt;
}

}  // namespace holdfast::storage
