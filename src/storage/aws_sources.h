// Where credentials for S3 are looked for, in this order: settings, environment, a token for a role
// (web identity), profile files, the container's endpoint, the machine's metadata service.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "http/client.h"
#include "storage/aws_credentials.h"

namespace holdfast::storage {

struct AwsCredentialOptions {
  // Settings: each as text or in a file. With any of them set, nothing else is looked at.
  std::string access_key_id{};
  std::optional<base::Path> access_key_id_file{};
  std::string secret_access_key{};
  std::optional<base::Path> secret_access_key_file{};
  std::string session_token{};
  // With one set, only the profile files are looked at.
  std::string profile{};
  std::optional<base::Path> credentials_file{};

  std::string region{};  // of the token service
  // AWS_..., HOME.
  std::map<std::string, std::string> environment{};
};

// `http` is for the services that give credentials out.
std::vector<AwsCredentialSource> AwsCredentialSources(const AwsCredentialOptions& options,
                                                      std::shared_ptr<http::Client> http,
                                                      base::Clock& clock);

}  // namespace holdfast::storage
