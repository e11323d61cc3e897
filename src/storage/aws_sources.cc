#include "storage/aws_sources.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;
using Found = std::optional<AwsCredentials>;

constexpr std::string_view kSpace = " \t\r\n";

std::string Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

std::string ReadTrimmed(const base::Path& file) {
  return Trimmed(base::AsText(base::ReadFile(file)));
}

std::string TextOrFile(const std::string& text, const std::optional<base::Path>& file) {
  return file ? ReadTrimmed(*file) : text;
}

// Both halves or neither: one alone is a mistake that another place must not hide.
Found Pair(AwsCredentials credentials, std::string_view id_name, std::string_view secret_name) {
  const bool has_id = !credentials.access_key_id.empty();
  const bool has_secret = !credentials.secret_access_key.empty();
  if (!has_id && !has_secret) return std::nullopt;
  if (has_id && has_secret) return credentials;
  throw Error(ErrorKind::kUsage,
              fmt::format("{} is set without {}", has_id ? id_name : secret_name,
                          has_id ? secret_name : id_name),
              {"a key has two parts; set both"});
}

Found FromSettings(const AwsCredentialOptions& options) {
  return Pair(
      {.access_key_id = TextOrFile(options.access_key_id, options.access_key_id_file),
       .secret_access_key = TextOrFile(options.secret_access_key, options.secret_access_key_file),
       .session_token = options.session_token},
      "access_key_id", "secret_access_key");
}

class Variables {
 public:
  explicit Variables(const AwsCredentialOptions& options) : all_(options.environment) {}

  std::string Get(const std::string& name) const {
    const auto found = all_.find(name);
    return found == all_.end() ? std::string() : found->second;
  }
  // NAME, or the content of the file that NAME_FILE names.
  std::string GetOrFile(const std::string& name) const {
    std::string text = Get(name);
    const std::string file = Get(name + "_FILE");
    return text.empty() && !file.empty() ? ReadTrimmed(file) : text;
  }

 private:
  const std::map<std::string, std::string>& all_;
};

Found FromEnvironment(const AwsCredentialOptions& options) {
  const Variables variables(options);
  return Pair({.access_key_id = variables.GetOrFile("AWS_ACCESS_KEY_ID"),
               .secret_access_key = variables.GetOrFile("AWS_SECRET_ACCESS_KEY"),
               .session_token = variables.GetOrFile("AWS_SESSION_TOKEN")},
              "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
}

}  // namespace

std::vector<AwsCredentialSource> AwsCredentialSources(const AwsCredentialOptions& options,
                                                      std::shared_ptr<http::Client> http,
                                                      base::Clock& clock) {
  (void)http;
  (void)clock;
  std::vector<AwsCredentialSource> sources;
  sources.push_back({"the settings", [=] { return FromSettings(options); }});
  sources.push_back({"the environment", [=] { return FromEnvironment(options); }});
  return sources;
}

}  // namespace holdfast::storage
