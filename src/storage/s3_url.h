// Where in S3 a repository lies, and which server that is.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::storage {

struct S3Location {
  std::string bucket;
  std::string prefix;  // "" or "backups/main/"

  // "s3://bucket/backups/main".
  std::string ToText() const;
};

inline constexpr std::string_view kS3Scheme = "s3://";
// S3 ends names at 1024 bytes.
inline constexpr std::size_t kMaxPrefixBytes = 120;

// "s3://bucket/some/prefix"; a slash at the end changes nothing. Error(kUsage) for anything else.
S3Location ParseS3Url(std::string_view url);

enum class AddressStyle {
  kAuto,     // what the server is known for, else by path, unless it refuses that
  kPath,     // https://host/bucket/name
  kVirtual,  // https://bucket.host/name
};

struct S3Endpoint {
  bool tls = true;
  // With the port when one is given; empty: Amazon's, by region.
  std::string host{};
  // What the name of the host tells; empty when it tells nothing.
  std::string region{};

  bool amazon() const { return host.empty(); }
};

// "host", "host:port", "https://host", "http://host:9000"; without a scheme it is https. "" and
// Amazon's regional names are Amazon. Error(kUsage) for anything else.
S3Endpoint ParseEndpoint(std::string_view text);

// Where requests for `bucket` go.
struct S3Address {
  std::string origin;       // "https://host:9000"
  std::string host;         // the header Host
  std::string path_prefix;  // "/" or "/bucket/"
};
S3Address AddressOf(const S3Endpoint& endpoint, std::string_view region, std::string_view bucket,
                    AddressStyle style);

// The style that kAuto begins with.
AddressStyle FirstStyle(const S3Endpoint& endpoint, std::string_view bucket);

}  // namespace holdfast::storage
