#include "storage/aws_profile_source.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;

constexpr int kMostSources = 4;  // profiles that lead to one another may do so in circles
constexpr std::array<const char*, 3> kNotDone = {"credential_process", "sso_session",
                                                 "sso_start_url"};

std::string ValueOf(const AwsProfile& profile, const std::string& key) {
  const auto found = profile.find(key);
  return found == profile.end() ? std::string() : found->second;
}

std::optional<AwsCredentials> KeysOf(const AwsProfile& profile) {
  return WholePair({.access_key_id = ValueOf(profile, "aws_access_key_id"),
                    .secret_access_key = ValueOf(profile, "aws_secret_access_key"),
                    .session_token = ValueOf(profile, "aws_session_token")},
                   "aws_access_key_id", "aws_secret_access_key");
}

Error CannotDo(const std::string& name, std::string_view what) {
  return Error(
      ErrorKind::kUsage,
      fmt::format("the profile {} wants {}, which holdfast does not do", name, what),
      {fmt::format("`aws configure export-credentials --profile {} --format env` gives keys "
                   "as variables",
                   name)});
}

// What was asked for; empty when nothing was.
std::string NameAskedFor(const AwsCredentialOptions& options) {
  return options.profile.empty() ? AwsVariables(options).Get("AWS_PROFILE") : options.profile;
}

std::string NameOf(const AwsCredentialOptions& options) {
  const std::string asked_for = NameAskedFor(options);
  return asked_for.empty() ? "default" : asked_for;
}

// Files that nobody asked for and that may not be read are another user's.
std::optional<AwsProfile> ReadQuietly(const AwsProfileFiles& files, const std::string& name,
                                      bool asked_for) {
  try {
    return ReadAwsProfile(files, name);
  } catch (const Error& error) {
    if (asked_for || error.kind() != ErrorKind::kDenied) throw;
    return std::nullopt;
  }
}

std::optional<AwsProfile> Read(const AwsCredentialOptions& options, const std::string& name) {
  const AwsVariables variables(options);
  const auto file = [&](const char* variable, const char* usual) -> base::Path {
    const std::string named = variables.Get(variable);
    if (!named.empty()) return named;
    return base::Path("/") / variables.Get("HOME") / ".aws" / usual;
  };
  return ReadQuietly({.credentials = options.credentials_file.value_or(
                          file("AWS_SHARED_CREDENTIALS_FILE", "credentials")),
                      .config = file("AWS_CONFIG_FILE", "config")},
                     name, !NameAskedFor(options).empty());
}

}  // namespace

std::optional<AwsCredentials> AwsProfileSource::Credentials() const {
  const std::string name = NameOf(options_);
  if (Read(options_, name)) return CredentialsOf(name, 0);
  if (NameAskedFor(options_).empty()) return std::nullopt;
  throw Error(ErrorKind::kUsage, fmt::format("there is no profile {}", name),
              {"`aws configure list-profiles` names those there are; credentials_file says where "
               "they stand"});
}

std::optional<AwsCredentials> AwsProfileSource::CredentialsOf(const std::string& name,
                                                              int depth) const {
  const AwsProfile profile = Read(options_, name).value_or(AwsProfile());
  if (const std::string role_arn = ValueOf(profile, "role_arn"); !role_arn.empty()) {
    RoleRequest role = RoleOf(options_, role_arn, ValueOf(profile, "role_session_name"));
    role.external_id = ValueOf(profile, "external_id");
    if (const std::string token = ValueOf(profile, "web_identity_token_file"); !token.empty()) {
      return AssumeRoleWithWebIdentity(http_, role, ReadTrimmed(token));
    }
    const auto keys = KeysOfSource(name, profile, depth);
    if (!keys) throw CannotDo(name, "a role without a source_profile that has keys");
    return AssumeRole(http_, role, *keys, clock_.Now());
  }
  if (auto keys = KeysOf(profile)) return keys;
  for (const char* key : kNotDone) {
    if (!ValueOf(profile, key).empty()) throw CannotDo(name, key);
  }
  return std::nullopt;
}

std::optional<AwsCredentials> AwsProfileSource::KeysOfSource(const std::string& name,
                                                             const AwsProfile& profile,
                                                             int depth) const {
  const std::string source = ValueOf(profile, "source_profile");
  if (source.empty() || depth == kMostSources) return std::nullopt;
  return source == name ? KeysOf(profile) : CredentialsOf(source, depth + 1);
}

std::string AwsProfileRegion(const AwsCredentialOptions& options) {
  const auto profile = Read(options, NameOf(options));
  return profile ? ValueOf(*profile, "region") : std::string();
}

}  // namespace holdfast::storage
