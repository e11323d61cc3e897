// What credentials are found by: settings, variables and files, and the rules for reading them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "storage/aws_credentials.h"
#include "storage/aws_token_service.h"

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

// The AWS_... variables of the options, which must outlive this.
class AwsVariables {
 public:
  explicit AwsVariables(const AwsCredentialOptions& options) : all_(options.environment) {}

  // Empty when it is not set.
  std::string Get(const std::string& name) const;
  // NAME, or the content of the file that NAME_FILE names.
  std::string GetOrFile(const std::string& name) const;

 private:
  const std::map<std::string, std::string>& all_;
};

// The file's text without the white space around it.
std::string ReadTrimmed(const base::Path& file);

// Both halves or neither: one alone is a mistake that another place must not hide, Error(kUsage).
std::optional<AwsCredentials> WholePair(AwsCredentials credentials, std::string_view id_name,
                                        std::string_view secret_name);

// Where and how to ask for a role.
RoleRequest RoleOf(const AwsCredentialOptions& options, std::string arn, std::string session_name);

}  // namespace holdfast::storage
