// Where credentials for S3 are looked for, in this order: settings, environment, a token for a role
// (web identity), profile files, the container's endpoint, the machine's metadata service.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "http/client.h"
#include "storage/aws_credentials.h"
#include "storage/aws_options.h"

namespace holdfast::storage {

// `http` is for the services that give credentials out; `clock` must outlive the sources.
std::vector<AwsCredentialSource> AwsCredentialSources(const AwsCredentialOptions& options,
                                                      const std::shared_ptr<http::Client>& http,
                                                      base::Clock& clock);

}  // namespace holdfast::storage
