#include "storage/aws_profile.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace holdfast::storage {

namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool IsComment(std::string_view line) { return line.starts_with('#') || line.starts_with(';'); }

// "value # why": a comment begins after a space.
std::string_view WithoutComment(std::string_view value) {
  for (const std::string_view mark : {" #", " ;", "\t#", "\t;"}) {
    value = value.substr(0, value.find(mark));
  }
  return Trimmed(value);
}

std::optional<AwsProfile> SectionOf(const base::Path& file, std::string_view section) {
  const auto text = base::ReadFileIfExists(file);
  if (!text) return std::nullopt;
  return base::WithContext([&] { return file.native(); },
                           [&] { return ParseAwsProfile(base::AsText(*text), section); });
}

}  // namespace

std::optional<AwsProfile> ParseAwsProfile(std::string_view text, std::string_view section) {
  std::optional<AwsProfile> profile;
  bool inside = false;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string_view line = Trimmed(raw);
    if (line.empty() || IsComment(line)) continue;
    if (line.starts_with('[')) {
      const auto close = line.find(']');
      if (close == std::string_view::npos) {
        throw base::Error(base::ErrorKind::kUsage, fmt::format("the section {} has no end", line),
                          {"write [NAME]"});
      }
      inside = Trimmed(line.substr(1, close - 1)) == section;
      if (inside && !profile) profile.emplace();
      continue;
    }
    // Indented lines belong to the value above them ("s3 =" and its settings).
    const bool nested = raw.front() == ' ' || raw.front() == '\t';
    const auto equals = line.find('=');
    if (!inside || nested || equals == std::string_view::npos) continue;
    (*profile)[std::string(Trimmed(line.substr(0, equals)))] =
        std::string(WithoutComment(Trimmed(line.substr(equals + 1))));
  }
  return profile;
}

std::optional<AwsProfile> ReadAwsProfile(const AwsProfileFiles& files, std::string_view name) {
  auto profile = SectionOf(files.credentials, name);
  auto config = SectionOf(files.config, fmt::format("profile {}", name));
  if (!config && name == "default") config = SectionOf(files.config, name);
  if (!profile) return config;
  if (config) profile->merge(*config);
  return profile;
}

}  // namespace holdfast::storage
