// Credentials that the machine or the container gives to whatever runs in it.
#pragma once

#include <optional>
#include <string>

#include "http/client.h"
#include "storage/aws_credentials.h"

namespace holdfast::storage {

// `url` in full; `authorization` goes into the header of that name, when it is not empty.
// Error(kUsage) for plain HTTP to anything but this machine and Amazon's own agents.
AwsCredentials FromContainer(http::Client& http, const std::string& url,
                             const std::string& authorization);

// The instance metadata service, version 2; empty when there is none, or the machine has no role.
std::optional<AwsCredentials> FromInstance(http::Client& http, const std::string& endpoint);

}  // namespace holdfast::storage
