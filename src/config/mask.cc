#include "config/mask.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace holdfast::config {
namespace {

bool IsSpace(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// libpq: password, sslpassword, scram_client_key, scram_server_key, oauth_client_secret.
bool IsSecretWord(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return lower.find("password") != std::string::npos || lower.find("secret") != std::string::npos ||
         (lower.starts_with("scram_") && lower.ends_with("_key"));
}

// The end of a keyword string's value that starts at `at`, or npos when its quote is never closed.
std::size_t EndOfValue(std::string_view text, std::size_t at) {
  const bool quoted = at < text.size() && text[at] == '\'';
  for (std::size_t i = quoted ? at + 1 : at; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (quoted && text[i] == '\'') {
      return i + 1;
    } else if (!quoted && IsSpace(text[i])) {
      return i;
    }
  }
  return quoted ? std::string_view::npos : text.size();
}

std::size_t SkipSpaces(std::string_view text, std::size_t at) {
  while (at < text.size() && IsSpace(text[at])) ++at;
  return at;
}

// keyword = value keyword='value' ...
std::string MaskKeywords(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t word = SkipSpaces(text, at);
    out += text.substr(at, word - at);
    if (word == text.size()) break;
    std::size_t end = word;
    while (end < text.size() && !IsSpace(text[end]) && text[end] != '=') ++end;
    const std::size_t equals = SkipSpaces(text, end);
    if (equals == text.size() || text[equals] != '=') return out + std::string(kMask);
    const std::size_t value = SkipSpaces(text, equals + 1);
    const std::size_t value_end = EndOfValue(text, value);
    if (value_end == std::string_view::npos) return out + std::string(kMask);
    out += text.substr(word, value - word);
    out +=
        IsSecretWord(text.substr(word, end - word)) ? kMask : text.substr(value, value_end - value);
    at = value_end;
  }
  return out;
}

// ?a=b&password=c
std::string MaskQuery(std::string_view query) {
  std::string out;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos &&
        (IsSecretWord(pair.substr(0, equals)) ||
         pair.substr(0, equals).find('%') != std::string::npos)) {
      out += pair.substr(0, equals + 1);
      out += kMask;
    } else {
      out += pair;
    }
    if (end < query.size()) out += '&';
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return out;
}

}  // namespace

std::string MaskConnection(std::string_view conninfo) {
  if (!conninfo.starts_with("postgresql://") && !conninfo.starts_with("postgres://"))
    return MaskKeywords(conninfo);
  const std::size_t question = std::min(conninfo.find('?'), conninfo.size());
  // A password may hold an unescaped '?' or '/': then an '@' comes after it, and only the host and
  // what follows is certain.
  const std::size_t at = conninfo.rfind('@');
  if (at != std::string_view::npos && at > question) {
    return std::string(conninfo.substr(0, conninfo.find("://") + 3)) + std::string(kMask);
  }
  std::string out = MaskUrlPassword(conninfo.substr(0, question));
  if (question < conninfo.size()) out += "?" + MaskQuery(conninfo.substr(question + 1));
  return out;
}

std::string MaskUrlPassword(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t at = url.rfind('@');
  if (scheme == std::string_view::npos || at == std::string_view::npos || at < scheme + 3)
    return std::string(url);
  const std::size_t colon = url.find(':', scheme + 3);
  if (colon == std::string_view::npos || colon > at) return std::string(url);
  return std::string(url.substr(0, colon + 1)) + std::string(kMask) + std::string(url.substr(at));
}

std::string MaskUrl(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(kMask);
  return std::string(url.substr(0, scheme + 3)) + std::string(kMask);
}

}  // namespace holdfast::config
