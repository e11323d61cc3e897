#include "http/message.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>

namespace holdfast::http {

namespace {

char Lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool EqualWithoutCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return Lower(x) == Lower(y); });
}

}  // namespace

const std::string* Find(const Headers& headers, std::string_view name) {
  const auto found = std::ranges::find_if(
      headers, [&](const Header& header) { return EqualWithoutCase(header.name, name); });
  return found == headers.end() ? nullptr : &found->value;
}

std::optional<std::uint64_t> FindNumber(const Headers& headers, std::string_view name) {
  const std::string* text = Find(headers, name);
  if (text == nullptr) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<base::Time> ParseDate(std::string_view text) {
  const time_t seconds = curl_getdate(std::string(text).c_str(), nullptr);
  if (seconds == -1) return std::nullopt;
  return base::Time(std::chrono::seconds(seconds));
}

}  // namespace holdfast::http
