// Amazon's own variables, which every tool for S3 goes by.
#pragma once

#include "config/environment.h"
#include "config/settings.h"

namespace holdfast::config {

// Gives repositories in S3 what their settings leave open: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL,
// AWS_REGION or AWS_DEFAULT_REGION, AWS_CA_BUNDLE. Keys (AWS_ACCESS_KEY_ID, AWS_PROFILE and others)
// are no settings: whoever opens the repository looks for them.
void ReadAwsEnvironment(const Environment& environment, const base::Path& working_directory,
                        Settings& settings);

}  // namespace holdfast::config
