// Signature Version 4 of Amazon's services, as S3 and what speaks like it check it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/message.h"

namespace holdfast::storage {

// Unencoded names and values.
using Query = std::vector<std::pair<std::string, std::string>>;

// Percent-encodes all but A-Z a-z 0-9 - . _ ~ and, in a path, '/'.
std::string UriEncode(std::string_view text, bool keep_slashes = false);
// Encoded, "a=b&c=", sorted as signatures want it.
std::string QueryText(const Query& query);

struct SigningKey {
  std::string access_key_id;
  std::string secret_access_key;
  std::string region;
  std::string service = "s3";
};

struct ToBeSigned {
  std::string_view method;
  std::string_view path;  // encoded, "/bucket/key"
  Query query{};
  // Those that are signed; Host is one of them.
  http::Headers headers{};
  std::string_view payload_sha256;  // hex
  base::Time time{};
};

// The value of the header Authorization.
std::string Sign(const SigningKey& key, const ToBeSigned& request);

// "20130524T000000Z": the value of the header x-amz-date.
std::string AmzDate(base::Time time);

}  // namespace holdfast::storage
