// The shared files of Amazon's tools: ~/.aws/credentials and ~/.aws/config.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"

namespace holdfast::storage {

using AwsProfile = std::map<std::string, std::string>;

struct AwsProfileFiles {
  base::Path credentials;  // sections [NAME]
  base::Path config;       // sections [profile NAME], and [default]
};

// What both files say of a profile, the credentials file over the other; empty when neither has
// it, or neither is there. Error(kUsage) for lines that are nothing.
std::optional<AwsProfile> ReadAwsProfile(const AwsProfileFiles& files, std::string_view name);

// One section of such a file.
std::optional<AwsProfile> ParseAwsProfile(std::string_view text, std::string_view section);

}  // namespace holdfast::storage
