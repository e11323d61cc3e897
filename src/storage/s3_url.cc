#include "storage/s3_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view kLettersAndDigits =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool ConsistsOf(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](char letter) {
    return kLettersAndDigits.find(letter) != std::string_view::npos ||
           more.find(letter) != std::string_view::npos;
  });
}

std::vector<std::string_view> Split(std::string_view text, char mark) {
  std::vector<std::string_view> parts;
  for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  parts.push_back(text);
  return parts;
}

Error NoS3Url(std::string_view url, std::string_view why) {
  return Error(ErrorKind::kUsage, fmt::format("\"{}\" is no place in S3: {}", url, why),
               {"write s3://bucket or s3://bucket/some/prefix"});
}

// Clear of everything that an encoding, a proxy or a path could understand in another way.
void CheckPrefix(std::string_view url, std::string_view prefix) {
  if (prefix.empty()) return;
  if (prefix.size() > kMaxPrefixBytes) {
    throw NoS3Url(url, fmt::format("the prefix is longer than {} bytes", kMaxPrefixBytes));
  }
  if (!ConsistsOf(prefix, "/!-_.*'()~=@")) {
    throw NoS3Url(url, "a prefix is made of letters, digits and any of !-_.*'()~=@");
  }
  for (const std::string_view part : Split(prefix, '/')) {
    if (part.empty() || part == "." || part == "..") {
      throw NoS3Url(url, "the prefix has an empty part, or one of dots");
    }
  }
}

bool IsDnsLabel(std::string_view bucket) {
  return bucket.size() >= 3 && bucket.size() <= 63 && ConsistsOf(bucket, "-") &&
         std::ranges::none_of(bucket, [](char c) { return c >= 'A' && c <= 'Z'; });
}

constexpr std::string_view kAmazon = ".amazonaws.com";
constexpr std::string_view kAmazonChina = ".amazonaws.com.cn";

// "s3.REGION.amazonaws.com", "s3-REGION..." and "s3...": the region, "" for the last; empty for
// other hosts, special ones of Amazon's included.
std::optional<std::string> AmazonRegion(std::string_view host) {
  for (const std::string_view end : {kAmazonChina, kAmazon}) {
    if (!host.ends_with(end)) continue;
    host.remove_suffix(end.size());
    if (host == "s3") return "";
    const bool named = host.starts_with("s3.") || host.starts_with("s3-");
    if (!named || host.find('.', 3) != std::string_view::npos) return std::nullopt;
    const std::string_view region = host.substr(3);
    const bool special = region.starts_with("accelerate") || region.starts_with("fips");
    return special ? std::nullopt : std::optional<std::string>(region);
  }
  return std::nullopt;
}

// Providers of which the region is the first part of the name.
constexpr std::array<std::string_view, 4> kRegionFirst = {
    ".digitaloceanspaces.com", ".your-objectstorage.com", ".linodeobjects.com",
    ".vultrobjects.com"};

// A guess is enough: a store that wants another one says so.
std::string RegionOf(std::string_view host) {
  host = host.substr(0, host.find(':'));
  if (host.ends_with(".r2.cloudflarestorage.com")) return "auto";
  const auto parts = Split(host, '.');
  for (const std::string_view end : kRegionFirst) {
    if (host.ends_with(end)) return std::string(parts.front());
  }
  const bool named = parts.size() >= 4 && (parts[0] == "s3" || parts[0] == "oss");
  if (named && parts[1].find('-') != std::string_view::npos) return std::string(parts[1]);
  return {};
}

bool WantsVirtual(std::string_view host) {
  host = host.substr(0, host.find(':'));
  return host.ends_with(kAmazon) || host.ends_with(kAmazonChina) ||
         host.ends_with(".aliyuncs.com") || host.ends_with(".myqcloud.com");
}

}  // namespace

std::string S3Location::ToText() const {
  return fmt::format("{}{}{}{}", kS3Scheme, bucket, prefix.empty() ? "" : "/",
                     std::string_view(prefix).substr(0, prefix.size() - (prefix.empty() ? 0 : 1)));
}

S3Location ParseS3Url(std::string_view url) {
  if (!url.starts_with(kS3Scheme)) throw NoS3Url(url, "it does not begin with s3://");
  const std::string_view rest = url.substr(kS3Scheme.size());
  const auto slash = rest.find('/');
  const std::string_view bucket = rest.substr(0, slash);
  std::string_view prefix = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
  if (bucket.find_first_of("@:") != std::string_view::npos) {
    throw Error(ErrorKind::kUsage, "an S3 URL names a bucket, no server and no key",
                {"write s3://bucket/prefix; the server goes into `endpoint`, the key into "
                 "`access_key_id` and `secret_access_key`"});
  }
  if (bucket.empty()) throw NoS3Url(url, "it names no bucket");
  if (!ConsistsOf(bucket, "-_.") || bucket.size() > 255 || bucket.starts_with('.')) {
    throw NoS3Url(url, "a bucket's name is made of letters, digits, '-', '_' and '.'");
  }
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  CheckPrefix(url, prefix);
  return {.bucket = std::string(bucket),
          .prefix = prefix.empty() ? std::string() : std::string(prefix) + "/"};
}

S3Endpoint ParseEndpoint(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return Error(ErrorKind::kUsage, fmt::format("\"{}\" is no endpoint: {}", text, why),
                 {"write https://host, http://host:port, or host alone for https"});
  };
  S3Endpoint endpoint;
  std::string_view host = text;
  if (const auto scheme = host.find("://"); scheme != std::string_view::npos) {
    const std::string_view name = host.substr(0, scheme);
    if (name != "http" && name != "https") throw wrong("only http and https are known");
    endpoint.tls = name == "https";
    host.remove_prefix(scheme + 3);
    if (host.empty()) throw wrong("it names no host");
  }
  if (host.ends_with('/')) host.remove_suffix(1);
  if (!ConsistsOf(host, "-_.:[]")) {
    throw wrong(host.find('/') == std::string_view::npos
                    ? "a host is made of letters, digits, '-' and '.'"
                    : "it has a path; the bucket goes into the URL, s3://bucket/prefix");
  }
  if (text.empty()) return endpoint;
  if (const auto region = AmazonRegion(host); region && endpoint.tls) {
    endpoint.region = *region;
    return endpoint;
  }
  endpoint.host = std::string(host);
  endpoint.region = RegionOf(host);
  return endpoint;
}

AddressStyle FirstStyle(const S3Endpoint& endpoint, std::string_view bucket) {
  // A certificate for *.host covers no name with more dots.
  if (!IsDnsLabel(bucket)) return AddressStyle::kPath;
  const bool wanted = endpoint.amazon() || WantsVirtual(endpoint.host);
  return wanted ? AddressStyle::kVirtual : AddressStyle::kPath;
}

S3Address AddressOf(const S3Endpoint& endpoint, std::string_view region, std::string_view bucket,
                    AddressStyle style) {
  if (style == AddressStyle::kAuto) style = FirstStyle(endpoint, bucket);
  std::string host = endpoint.host;
  if (endpoint.amazon()) {
    host = fmt::format("s3.{}{}", region, region.starts_with("cn-") ? kAmazonChina : kAmazon);
  }
  const bool by_path = style == AddressStyle::kPath;
  if (!by_path) host = fmt::format("{}.{}", bucket, host);
  return {.origin = fmt::format("{}://{}", endpoint.tls ? "https" : "http", host),
          .host = host,
          .path_prefix = by_path ? fmt::format("/{}/", bucket) : "/"};
}

}  // namespace holdfast::storage
