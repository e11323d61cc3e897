// Credentials from a profile: keys, or a role that is taken by other keys or by a token.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "http/client.h"
#include "storage/aws_options.h"
#include "storage/aws_profile.h"

namespace holdfast::storage {

// All must outlive it.
class AwsProfileSource {
 public:
  AwsProfileSource(const AwsCredentialOptions& options, http::Client& http, base::Clock& clock)
      : options_(options), variables_(options), http_(http), clock_(clock) {}

  // Empty when no profile was asked for and there is no default one. Error(kUsage) when the one
  // that was asked for is not there, or wants what holdfast does not do.
  std::optional<AwsCredentials> Credentials() const;

 private:
  std::optional<AwsCredentials> CredentialsOf(const std::string& name, int depth) const;
  std::optional<AwsCredentials> KeysOfSource(const std::string& name, const AwsProfile& profile,
                                             int depth) const;

  const AwsCredentialOptions& options_;
  AwsVariables variables_;
  http::Client& http_;
  base::Clock& clock_;
};

// The region that the profile names; empty when there is none.
std::string AwsProfileRegion(const AwsCredentialOptions& options);

}  // namespace holdfast::storage
