#include "storage/aws_options.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace holdfast::storage {

namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

std::string RegionOf(const AwsCredentialOptions& options) {
  const AwsVariables variables(options);
  if (!options.region.empty()) return options.region;
  const std::string region = variables.Get("AWS_REGION");
  return region.empty() ? variables.Get("AWS_DEFAULT_REGION") : region;
}

}  // namespace

std::string AwsVariables::Get(const std::string& name) const {
  const auto found = all_.find(name);
  return found == all_.end() ? std::string() : found->second;
}

std::string AwsVariables::GetOrFile(const std::string& name) const {
  std::string text = Get(name);
  const std::string file = Get(name + "_FILE");
  return text.empty() && !file.empty() ? ReadTrimmed(file) : text;
}

std::string ReadTrimmed(const base::Path& file) {
  return Trimmed(base::AsText(base::ReadFile(file)));
}

std::optional<AwsCredentials> WholePair(AwsCredentials credentials, std::string_view id_name,
                                        std::string_view secret_name) {
  const bool has_id = !credentials.access_key_id.empty();
  const bool has_secret = !credentials.secret_access_key.empty();
  if (!has_id && !has_secret) return std::nullopt;
  if (has_id && has_secret) return std::optional(std::move(credentials));
  throw base::Error(base::ErrorKind::kUsage,
                    fmt::format("{} is set without {}", has_id ? id_name : secret_name,
                                has_id ? secret_name : id_name),
                    {"a key has two parts; set both"});
}

RoleRequest RoleOf(const AwsCredentialOptions& options, std::string arn, std::string session_name) {
  const std::string region = RegionOf(options);
  std::string endpoint = AwsVariables(options).Get("AWS_ENDPOINT_URL_STS");
  if (endpoint.empty()) {
    endpoint = region.empty() ? "https://sts.amazonaws.com"
                              : fmt::format("https://sts.{}.amazonaws.com", region);
  }
  return {.endpoint = std::move(endpoint),
          .region = region.empty() ? "us-east-1" : region,
          .role_arn = std::move(arn),
          .session_name = session_name.empty() ? "holdfast" : std::move(session_name)};
}

}  // namespace holdfast::storage
