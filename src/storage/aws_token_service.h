// Credentials for a role, from Amazon's Security Token Service or another store's.
#pragma once

#include <string>

#include "base/clock.h"
#include "http/client.h"
#include "storage/aws_credentials.h"

namespace holdfast::storage {

struct RoleRequest {
  std::string endpoint;  // "https://sts.eu-west-1.amazonaws.com"
  std::string region;
  std::string role_arn;
  std::string session_name;
  std::string external_id{};
};

// By a token that somebody else signed (Kubernetes, an identity provider).
AwsCredentials AssumeRoleWithWebIdentity(http::Client& http, const RoleRequest& request,
                                         const std::string& token);

// By other credentials.
AwsCredentials AssumeRole(http::Client& http, const RoleRequest& request,
                          const AwsCredentials& credentials, base::Time now);

}  // namespace holdfast::storage
