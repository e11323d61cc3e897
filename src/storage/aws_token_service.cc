#include "storage/aws_token_service.h"

#include <fmt/format.h>

#include <pugixml.hpp>

#include "base/error.h"
#include "base/time_text.h"
#include "storage/aws_digest.h"
#include "storage/aws_signature.h"
#include "storage/s3_error.h"

namespace holdfast::storage {

namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

Query Form(std::string action, const RoleRequest& request) {
  Query form = {{"Action", std::move(action)},
                {"Version", "2011-06-15"},
                {"RoleArn", request.role_arn},
                {"RoleSessionName", request.session_name}};
  if (!request.external_id.empty()) form.emplace_back("ExternalId", request.external_id);
  return form;
}

// `action` as the element that wraps the answer is called by.
AwsCredentials ParseAnswer(const http::Response& response, const std::string& action,
                           const RoleRequest& request) {
  if (response.status != 200) {
    throw ToError(ParseS3Failure(response), {.what = fmt::format("the role {}", request.role_arn),
                                             .action = "sts:" + action});
  }
  pugi::xml_document document;
  document.load_buffer(response.body.data(), response.body.size());
  const pugi::xml_node found = document.child((action + "Response").c_str())
                                   .child((action + "Result").c_str())
                                   .child("Credentials");
  AwsCredentials credentials{.access_key_id = found.child_value("AccessKeyId"),
                             .secret_access_key = found.child_value("SecretAccessKey"),
                             .session_token = found.child_value("SessionToken")};
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    throw base::Error(
        base::ErrorKind::kUnavailable,
        fmt::format("{} gave no credentials for the role {}", request.endpoint, request.role_arn));
  }
  credentials.expires = base::ParseTime(found.child_value("Expiration"), "UTC");
  return credentials;
}

// "sts.eu-west-1.amazonaws.com" of a URL.
std::string HostOf(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return std::string(url.substr(0, url.find('/')));
}

}  // namespace

AwsCredentials AssumeRoleWithWebIdentity(http::Client& http, const RoleRequest& request,
                                         const std::string& token) {
  const std::string action = "AssumeRoleWithWebIdentity";
  Query form = Form(action, request);
  form.emplace_back("WebIdentityToken", token);
  const std::string body = QueryText(form);
  return ParseAnswer(http.Send({.method = "POST",
                                .url = request.endpoint + "/",
                                .headers = {{"Content-Type", std::string(kFormType)}},
                                .body = base::AsBytes(body)}),
                     action, request);
}

AwsCredentials AssumeRole(http::Client& http, const RoleRequest& request,
                          const AwsCredentials& credentials, base::Time now) {
  const std::string action = "AssumeRole";
  const std::string body = QueryText(Form(action, request));
  http::Headers headers = {{"Host", HostOf(request.endpoint)},
                           {"Content-Type", std::string(kFormType)},
                           {"x-amz-date", AmzDate(now)}};
  if (!credentials.session_token.empty()) {
    headers.push_back({"x-amz-security-token", credentials.session_token});
  }
  const std::string digest = base::ToHex(Sha256(base::AsBytes(body)));
  headers.push_back({"Authorization", Sign({.access_key_id = credentials.access_key_id,
                                            .secret_access_key = credentials.secret_access_key,
                                            .region = request.region,
                                            .service = "sts"},
                                           {.method = "POST",
                                            .path = "/",
                                            .headers = headers,
                                            .payload_sha256 = digest,
                                            .time = now})});
  return ParseAnswer(http.Send({.method = "POST",
                                .url = request.endpoint + "/",
                                .headers = headers,
                                .body = base::AsBytes(body)}),
                     action, request);
}

}  // namespace holdfast::storage
