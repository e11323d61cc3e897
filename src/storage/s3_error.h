// What a store says when it says no, in our words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "http/message.h"

namespace holdfast::storage {

// The <Error> of an answer. What the answer does not say is empty.
struct S3Failure {
  int status = 0;
  // "NoSuchKey"; empty when the body is no <Error>, which no S3 server's is.
  std::string code{};
  std::string message{};
  std::string region{};  // where the bucket is, when the request went elsewhere
  std::string location{};
  std::optional<base::Time> server_time{};
};

// For an answer of status 300 and more.
S3Failure ParseS3Failure(const http::Response& response);

// Other credentials may help.
bool IsAboutToken(const S3Failure& failure);
// The object certainly does not exist: said by the store itself, of the object and not of the
// bucket.
bool IsNoSuchKey(const S3Failure& failure);

struct FailedRequest {
  std::string what;    // "s3://bucket/prefix/name"
  std::string action;  // "s3:GetObject": the right it needs
  std::string bucket{};
  std::string access_key_id{};
  base::Time now{};
};

// kUnavailable for what may be better next time (also an answer that is not S3's), kDenied for
// what will not, kNotFound for a missing bucket, kUsage for settings that the store does not take.
// A missing object is no error: callers look for NoSuchKey first.
base::Error ToError(const S3Failure& failure, const FailedRequest& request);

}  // namespace holdfast::storage
