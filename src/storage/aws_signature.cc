#include "storage/aws_signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "base/time_text.h"
#include "storage/aws_digest.h"

namespace holdfast::storage {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

bool IsUnreserved(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '-' || letter == '.' || letter == '_' ||
         letter == '~';
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

struct CanonicalHeaders {
  std::string lines;
  std::string names;  // "host;x-amz-date"
};

CanonicalHeaders Canonical(const http::Headers& headers) {
  std::map<std::string, std::string> sorted;
  for (const http::Header& header : headers) sorted[Lower(header.name)] = header.value;
  CanonicalHeaders canonical;
  for (const auto& [name, value] : sorted) {
    canonical.lines += fmt::format("{}:{}\n", name, value);
    canonical.names += canonical.names.empty() ? name : ";" + name;
  }
  return canonical;
}

base::Bytes DeriveKey(const SigningKey& key, std::string_view day) {
  base::Bytes derived = base::ToBytes("AWS4" + key.secret_access_key);
  for (const std::string_view part :
       {day, std::string_view(key.region), std::string_view(key.service),
        std::string_view("aws4_request")}) {
    derived = HmacSha256(derived, part);
  }
  return derived;
}

}  // namespace

std::string UriEncode(std::string_view text, bool keep_slashes) {
  std::string encoded;
  for (const char letter : text) {
    if (IsUnreserved(letter) || (keep_slashes && letter == '/')) {
      encoded += letter;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return encoded;
}

std::string QueryText(const Query& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : query) encoded.emplace_back(UriEncode(name), UriEncode(value));
  std::ranges::sort(encoded);
  std::string text;
  for (const auto& [name, value] : encoded) {
    text += fmt::format("{}{}={}", text.empty() ? "" : "&", name, value);
  }
  return text;
}

std::string AmzDate(base::Time time) { return base::FormatCompactUtc(time); }

std::string Sign(const SigningKey& key, const ToBeSigned& request) {
  const std::string time = AmzDate(request.time);
  const std::string day = time.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", day, key.region, key.service);
  const CanonicalHeaders headers = Canonical(request.headers);
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path, QueryText(request.query),
                  headers.lines, headers.names, request.payload_sha256);
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope,
                                          base::ToHex(Sha256(base::AsBytes(canonical))));
  const std::string signature = base::ToHex(HmacSha256(DeriveKey(key, day), to_sign));
  return fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm,
                     key.access_key_id, scope, headers.names, signature);
}

}  // namespace holdfast::storage
