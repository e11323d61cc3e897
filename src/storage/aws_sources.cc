#include "storage/aws_sources.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "storage/aws_metadata.h"
#include "storage/aws_profile_source.h"
#include "storage/aws_token_service.h"

namespace holdfast::storage {

namespace {

using Found = std::optional<AwsCredentials>;

std::string TextOrFile(const std::string& text, const std::optional<base::Path>& file) {
  return file ? ReadTrimmed(*file) : text;
}

Found FromSettings(const AwsCredentialOptions& options) {
  return WholePair(
      {.access_key_id = TextOrFile(options.access_key_id, options.access_key_id_file),
       .secret_access_key = TextOrFile(options.secret_access_key, options.secret_access_key_file),
       .session_token = options.session_token},
      "access_key_id", "secret_access_key");
}

Found FromEnvironment(const AwsCredentialOptions& options) {
  const AwsVariables variables(options);
  return WholePair({.access_key_id = variables.GetOrFile("AWS_ACCESS_KEY_ID"),
                    .secret_access_key = variables.GetOrFile("AWS_SECRET_ACCESS_KEY"),
                    .session_token = variables.GetOrFile("AWS_SESSION_TOKEN")},
                   "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
}

Found FromWebIdentity(const AwsCredentialOptions& options, http::Client& http) {
  const AwsVariables variables(options);
  const std::string token_file = variables.Get("AWS_WEB_IDENTITY_TOKEN_FILE");
  const std::string role = variables.Get("AWS_ROLE_ARN");
  if (token_file.empty() || role.empty()) return std::nullopt;
  // Read each time: whoever put it there replaces it before it expires.
  return AssumeRoleWithWebIdentity(
      http, RoleOf(options, role, variables.Get("AWS_ROLE_SESSION_NAME")), ReadTrimmed(token_file));
}

Found FromContainerVariables(const AwsCredentialOptions& options, http::Client& http) {
  const AwsVariables variables(options);
  const std::string relative = variables.Get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = variables.Get("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return std::nullopt;
  return FromContainer(http, relative.empty() ? full : "http://169.254.170.2" + relative,
                       variables.GetOrFile("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
}

Found FromInstanceService(const AwsCredentialOptions& options, http::Client& http) {
  const AwsVariables variables(options);
  if (variables.Get("AWS_EC2_METADATA_DISABLED") == "true") return std::nullopt;
  std::string endpoint = variables.Get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (endpoint.empty()) endpoint = "http://169.254.169.254";
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return FromInstance(http, endpoint);
}

bool HasKeySettings(const AwsCredentialOptions& options) {
  return !options.access_key_id.empty() || options.access_key_id_file ||
         !options.secret_access_key.empty() || options.secret_access_key_file;
}

}  // namespace

std::vector<AwsCredentialSource> AwsCredentialSources(const AwsCredentialOptions& options,
                                                      const std::shared_ptr<http::Client>& http,
                                                      base::Clock& clock) {
  const AwsCredentialSource settings{"the settings", [=] { return FromSettings(options); }};
  const AwsCredentialSource profile{"the profile files", [=, &clock] {
                                      return AwsProfileSource(options, *http, clock).Credentials();
                                    }};
  if (HasKeySettings(options)) return {settings};
  if (!options.profile.empty()) return {profile};
  return {settings,
          {"the environment", [=] { return FromEnvironment(options); }},
          {"a web identity", [=] { return FromWebIdentity(options, *http); }},
          profile,
          {"the container", [=] { return FromContainerVariables(options, *http); }},
          {"the metadata service of this machine",
           [=] { return FromInstanceService(options, *http); }}};
}

}  // namespace holdfast::storage
