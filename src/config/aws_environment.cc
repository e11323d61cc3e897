#include "config/aws_environment.h"

#include <array>
#include <string_view>
#include <utility>

namespace holdfast::config {

namespace {

struct Mapping {
  std::string_view key;
  std::string_view variable;  // the first that is set counts
};

constexpr std::array kMappings = {
    Mapping{"endpoint", "AWS_ENDPOINT_URL_S3"},
    Mapping{"endpoint", "AWS_ENDPOINT_URL"},
    Mapping{"region", "AWS_REGION"},
    Mapping{"region", "AWS_DEFAULT_REGION"},
    Mapping{"ca_file", "AWS_CA_BUNDLE"},
};

bool IsInS3(const Settings& settings, const Key& repository) {
  Key url = repository;
  url.emplace_back("url");
  const auto found = settings.values.find(url);
  return found != settings.values.end() && !found->second.values.empty() &&
         found->second.values.front().starts_with("s3://");
}

}  // namespace

void ReadAwsEnvironment(const Environment& environment, const base::Path& working_directory,
                        Settings& settings) {
  for (const std::string& name : settings.Names({"repository"})) {
    const Key repository = {"repository", name};
    if (!IsInS3(settings, repository)) continue;
    for (const auto& [key, variable] : kMappings) {
      const auto found = environment.find(std::string(variable));
      if (found == environment.end() || found->second.empty()) continue;
      const std::string value =
          key == "ca_file" ? (working_directory / found->second).lexically_normal().string()
                           : found->second;
      Key whole = repository;
      whole.emplace_back(key);
      settings.values.try_emplace(
          std::move(whole), Setting{{value}, {Origin::Kind::kEnvironment, std::string(variable)}});
    }
  }
}

}  // namespace holdfast::config
