#include "storage/aws_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/time_text.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;

// Amazon's agents in tasks and pods.
constexpr std::array<std::string_view, 6> kNearHosts = {
    "127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};

constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";

bool IsNear(std::string_view url) {
  constexpr std::string_view kPlain = "http://";
  if (!url.starts_with(kPlain)) return url.starts_with("https://");
  url.remove_prefix(kPlain.size());
  return std::ranges::any_of(kNearHosts, [&](std::string_view host) {
    return url.starts_with(host) &&
           (url.size() == host.size() || url[host.size()] == ':' || url[host.size()] == '/');
  });
}

AwsCredentials Parse(const http::Response& response, const std::string& url) {
  try {
    const auto json = nlohmann::json::parse(base::AsText(response.body));
    return {.access_key_id = json.at("AccessKeyId").get<std::string>(),
            .secret_access_key = json.at("SecretAccessKey").get<std::string>(),
            .session_token = json.at("Token").get<std::string>(),
            .expires = base::ParseTime(json.at("Expiration").get<std::string>(), "UTC")};
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::kUnavailable, fmt::format("{} gave no credentials", url));
  }
}

void CheckStatus(const http::Response& response, const std::string& url) {
  if (response.status == 200) return;
  throw Error(response.status >= 500 ? ErrorKind::kUnavailable : ErrorKind::kDenied,
              fmt::format("{} answered with status {}", url, response.status));
}

// Empty when nothing is there.
std::optional<std::string> InstanceToken(http::Client& http, const std::string& endpoint) {
  try {
    const http::Response response =
        http.Send({.method = "PUT",
                   .url = endpoint + "/latest/api/token",
                   .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}},
                   .direct = true});
    if (response.status != 200) return std::nullopt;
    return std::string(base::AsText(response.body));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnavailable) throw;
    return std::nullopt;
  }
}

}  // namespace

AwsCredentials FromContainer(http::Client& http, const std::string& url,
                             const std::string& authorization) {
  if (!IsNear(url)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("credentials are not fetched over plain HTTP from {}", url),
                {"AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or of this machine"});
  }
  http::Request request{.url = url, .direct = true};
  if (!authorization.empty()) request.headers.push_back({"Authorization", authorization});
  const http::Response response = http.Send(request);
  CheckStatus(response, url);
  return Parse(response, url);
}

std::optional<AwsCredentials> FromInstance(http::Client& http, const std::string& endpoint) {
  const auto token = InstanceToken(http, endpoint);
  if (!token) return std::nullopt;
  const auto get = [&](const std::string& path) {
    return http.Send({.url = endpoint + path,
                      .headers = {{"X-aws-ec2-metadata-token", *token}},
                      .direct = true});
  };
  const http::Response roles = get(std::string(kRolePath));
  if (roles.status == 404) return std::nullopt;
  CheckStatus(roles, endpoint);
  const std::string_view list = base::AsText(roles.body);
  const std::string path = fmt::format("{}{}", kRolePath, list.substr(0, list.find('\n')));
  const http::Response response = get(path);
  CheckStatus(response, endpoint + path);
  return Parse(response, endpoint + path);
}

}  // namespace holdfast::storage
