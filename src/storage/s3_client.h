// Signed requests to one bucket.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/synchronized.h"
#include "http/client.h"
#include "storage/aws_credentials.h"
#include "storage/aws_signature.h"
#include "storage/request_meter.h"
#include "storage/s3_error.h"
#include "storage/s3_url.h"

namespace holdfast::storage {

struct S3Request {
  std::string method = "GET";
  std::string key{};  // without the repository's prefix; empty: the bucket itself
  Query query{};
  http::Headers headers{};
  base::ByteView body{};
  std::uint64_t max_answer = base::kMiB;
  // The hex SHA-256 to sign instead of the body's own: for finding out whether it is checked.
  std::string_view false_sha256{};
};

struct S3ClientOptions {
  S3Location location;
  S3Endpoint endpoint{};
  std::string region{};  // empty: the endpoint's, else us-east-1, else what the store says
  AddressStyle style = AddressStyle::kAuto;
  std::shared_ptr<RequestMeter> meter{};  // may be empty
};

// Thread-safe. What the store says about where the bucket is and how it wants to be addressed is
// followed and remembered; so are new credentials when it takes the old ones for expired.
class S3Client {
 public:
  // `clock` must outlive the client.
  S3Client(S3ClientOptions options, std::shared_ptr<http::Client> http,
           std::shared_ptr<AwsCredentialChain> credentials, base::Clock& clock);

  // Any status but those that were followed. Errors as http::Client::Send, and as
  // AwsCredentialChain::Get.
  http::Response Send(const S3Request& request);

  // The Error for an answer of 300 and more to `request`. `action` as "s3:GetObject".
  base::Error Failure(const http::Response& response, const S3Request& request,
                      std::string_view action);

  const S3Location& location() const { return options_.location; }
  // "s3://bucket/prefix/name".
  std::string Describe(std::string_view key) const;
  // "s3://bucket/prefix at host", without the host for Amazon.
  std::string description() const;
  std::string region() const;
  bool tls() const { return options_.endpoint.tls; }

 private:
  struct Where {
    std::string region;
    AddressStyle style;
    bool operator==(const Where&) const = default;
  };

  http::Response SendTo(const Where& where, const AwsCredentials& credentials,
                        const S3Request& request);
  // Where else to send it; empty: the answer is final.
  std::optional<Where> Elsewhere(const http::Response& response, const Where& sent_to) const;

  S3ClientOptions options_;
  std::shared_ptr<http::Client> http_;
  std::shared_ptr<AwsCredentialChain> credentials_;
  base::Clock& clock_;
  base::Synchronized<Where> where_;
};

}  // namespace holdfast::storage
