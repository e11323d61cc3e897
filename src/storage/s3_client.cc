#include "storage/s3_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "storage/aws_digest.h"

namespace holdfast::storage {

namespace {

constexpr std::string_view kFirstRegion = "us-east-1";
// Region, style and credentials may each be wrong once; more is a store that sends in circles.
constexpr int kMaxAttempts = 4;

constexpr std::array<std::string_view, 4> kNotByPath = {
    "PathStyleRequestNotAllowed", "SecondLevelDomainForbidden", "PathStyleDomainForbidden",
    "InvalidPathStyleRequest"};

bool RefusesPaths(const S3Failure& failure) {
  return std::ranges::find(kNotByPath, failure.code) != kNotByPath.end();
}

// Proxies may change others on the way.
bool IsSigned(const http::Header& header) {
  return header.name == "Host" || header.name.starts_with("x-amz-") || header.name == "Content-MD5";
}

}  // namespace

S3Client::S3Client(S3ClientOptions options, std::shared_ptr<http::Client> http,
                   std::shared_ptr<AwsCredentialChain> credentials, base::Clock& clock)
    : options_(std::move(options)),
      http_(std::move(http)),
      credentials_(std::move(credentials)),
      clock_(clock) {
  std::string region = options_.region.empty() ? options_.endpoint.region : options_.region;
  if (region.empty()) region = kFirstRegion;
  const AddressStyle style = options_.style == AddressStyle::kAuto
                                 ? FirstStyle(options_.endpoint, options_.location.bucket)
                                 : options_.style;
  where_.With([&](Where& where) { where = {std::move(region), style}; });
}

http::Response S3Client::Send(const S3Request& request) {
  for (int attempt = 1;; ++attempt) {
    const Where where = where_.With([](const Where& now) { return now; });
    const AwsCredentials credentials = credentials_->Get();
    http::Response response = SendTo(where, credentials, request);
    if (response.status < 300 || attempt == kMaxAttempts) return response;
    if (const auto elsewhere = Elsewhere(response, where)) {
      where_.With([&](Where& now) { now = *elsewhere; });
      continue;
    }
    if (!IsAboutToken(ParseS3Failure(response)) || !credentials_->Renew(credentials)) {
      return response;
    }
  }
}

std::optional<S3Client::Where> S3Client::Elsewhere(const http::Response& response,
                                                   const Where& sent_to) const {
  const S3Failure failure = ParseS3Failure(response);
  Where where = sent_to;
  // A 404 or 403 of another region's bucket also names it, and is no less true for that.
  const bool wrong_place = failure.status <= 400 || failure.code == "AuthorizationHeaderMalformed";
  if (wrong_place && !failure.region.empty()) where.region = failure.region;
  if (options_.style == AddressStyle::kAuto && RefusesPaths(failure)) {
    where.style = AddressStyle::kVirtual;
  }
  if (where == sent_to) return std::nullopt;
  return where;
}

http::Response S3Client::SendTo(const Where& where, const AwsCredentials& credentials,
                                const S3Request& request) {
  const S3Address address =
      AddressOf(options_.endpoint, where.region, options_.location.bucket, where.style);
  std::string path = address.path_prefix;
  if (!request.key.empty()) path += UriEncode(options_.location.prefix + request.key, true);
  const std::string digest = request.false_sha256.empty() ? base::ToHex(Sha256(request.body))
                                                          : std::string(request.false_sha256);
  const base::Time now = clock_.Now();

  http::Headers headers = request.headers;
  headers.push_back({"Host", address.host});
  headers.push_back({"x-amz-date", AmzDate(now)});
  headers.push_back({"x-amz-content-sha256", digest});
  if (!credentials.session_token.empty()) {
    headers.push_back({"x-amz-security-token", credentials.session_token});
  }
  http::Headers to_sign;
  std::ranges::copy_if(headers, std::back_inserter(to_sign), IsSigned);
  const std::string authorization = Sign({.access_key_id = credentials.access_key_id,
                                          .secret_access_key = credentials.secret_access_key,
                                          .region = where.region},
                                         {.method = request.method,
                                          .path = path,
                                          .query = request.query,
                                          .headers = std::move(to_sign),
                                          .payload_sha256 = digest,
                                          .time = now});
  headers.push_back({"Authorization", authorization});
  const std::string query = QueryText(request.query);
  if (options_.meter)
    options_.meter->Sent(request.method, request.key.empty(), request.body.size());
  http::Response response = http_->Send(
      {.method = request.method,
       .url = fmt::format("{}{}{}{}", address.origin, path, query.empty() ? "" : "?", query),
       .headers = std::move(headers),
       .body = request.body,
       .max_answer = request.max_answer});
  if (options_.meter) options_.meter->Received(response.body.size());
  return response;
}

base::Error S3Client::Failure(const http::Response& response, const S3Request& request,
                              std::string_view action) {
  return ToError(ParseS3Failure(response), {.what = Describe(request.key),
                                            .action = std::string(action),
                                            .bucket = options_.location.bucket,
                                            .access_key_id = credentials_->Get().access_key_id,
                                            .now = clock_.Now()});
}

std::string S3Client::Describe(std::string_view key) const {
  if (key.empty()) return fmt::format("{}{}", kS3Scheme, options_.location.bucket);
  return fmt::format("{}{}/{}{}", kS3Scheme, options_.location.bucket, options_.location.prefix,
                     key);
}

std::string S3Client::description() const {
  if (options_.endpoint.amazon()) return options_.location.ToText();
  return fmt::format("{} at {}", options_.location.ToText(), options_.endpoint.host);
}

std::string S3Client::region() const {
  return where_.With([](const Where& where) { return where.region; });
}

}  // namespace holdfast::storage
