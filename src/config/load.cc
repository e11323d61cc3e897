#include "config/load.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>

#include "base/time_text.h"
#include "config/aws_environment.h"
#include "config/toml_file.h"

namespace holdfast::config {
namespace {

std::string ValueOf(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

bool IsZone(const std::string& zone) {
  try {
    base::CheckTimeZone(zone);
  } catch (const base::Error&) {
    return false;
  }
  return !zone.empty();
}

// $TZ, else where /etc/localtime points, else UTC.
Setting SystemTimeZone(const Environment& environment) {
  std::string zone = ValueOf(environment, "TZ");
  if (zone.starts_with(':')) zone.erase(0, 1);
  if (IsZone(zone)) return {{zone}, {Origin::Kind::kEnvironment, "TZ"}};
  std::error_code ignored;
  const std::string link = std::filesystem::read_symlink("/etc/localtime", ignored).string();
  constexpr std::string_view kFolder = "zoneinfo/";
  const std::size_t at = link.find(kFolder);
  if (at != std::string::npos && IsZone(link.substr(at + kFolder.size())))
    return {{link.substr(at + kFolder.size())}, {Origin::Kind::kSystem, "/etc/localtime"}};
  return {{"UTC"}, {}};
}

Setting StateDirectory(const LoadOptions& options) {
  if (options.superuser) return {{"/var/lib/holdfast-state"}, {}};
  const std::string state = ValueOf(options.environment, "XDG_STATE_HOME");
  if (state.starts_with('/'))
    return {{state + "/holdfast"}, {Origin::Kind::kEnvironment, "XDG_STATE_HOME"}};
  const std::string home = ValueOf(options.environment, "HOME");
  if (home.starts_with('/'))
    return {{home + "/.local/state/holdfast"}, {Origin::Kind::kEnvironment, "HOME"}};
  return {{"/var/lib/holdfast-state"}, {}};
}

base::Path MustExist(const base::Path& path, std::string_view named_by) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) return path;
  if (error) throw base::SystemError(error.value(), path.string());
  throw base::Error(base::ErrorKind::kUsage,
                    fmt::format("configuration file {} does not exist", path.string()),
                    {fmt::format("it was named by {}", named_by)});
}

std::string ReadText(const base::Path& path) {
  try {
    return std::string(base::AsText(base::ReadFile(path)));
  } catch (const base::Error& error) {
    throw base::Error(base::ErrorKind::kUsage,
                      fmt::format("cannot read the configuration: {}", error.message()),
                      {"it must be a file that the user who runs holdfast may read"});
  }
}

}  // namespace

std::optional<base::Path> FindFile(const LoadOptions& options) {
  if (options.file) return MustExist(options.working_directory / *options.file, "--config");
  const std::string named = ValueOf(options.environment, "HOLDFAST_CONFIG");
  if (!named.empty()) return MustExist(options.working_directory / named, "$HOLDFAST_CONFIG");
  for (const base::Path& path :
       {options.working_directory / "holdfast.toml", options.system_file}) {
    // A file that is there and cannot be looked at must not count as absent.
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) continue;
    if (error) throw base::SystemError(error.value(), path.string());
    return path;
  }
  return std::nullopt;
}

Config LoadWithProblems(const LoadOptions& options, std::vector<Problem>& problems) {
  Settings settings;
  const std::optional<base::Path> file = FindFile(options);
  if (file) ReadToml(ReadText(*file), *file, settings, problems);
  ReadEnvironment(options.environment, options.working_directory, settings, problems);
  ReadAwsEnvironment(options.environment, options.working_directory, settings);
  settings.values.try_emplace({"timezone"}, SystemTimeZone(options.environment));
  settings.values.try_emplace({"state_directory"}, StateDirectory(options));
  Config config = Bind(std::move(settings), problems);
  config.file = file;
  return config;
}

Repository LoadRepository(const LoadOptions& options, const std::string& name,
                          const std::map<std::string, std::string>& given) {
  const Key table = {"repository", name};
  Settings settings;
  std::vector<Problem> problems;
  settings.AddTable(table);
  ReadEnvironment(options.environment, options.working_directory, settings, problems);
  for (const auto& [key, value] : given) {
    settings.values[{table[0], table[1], key}] =
        Setting{{value}, {Origin::Kind::kSystem, "the command line"}};
  }
  ReadAwsEnvironment(options.environment, options.working_directory, settings);
  const Config config = Bind(std::move(settings), problems);
  if (!problems.empty()) throw ToError(problems);
  return config.RepositoryNamed(name);
}

Config Load(const LoadOptions& options) {
  std::vector<Problem> problems;
  Config config = LoadWithProblems(options, problems);
  if (!problems.empty()) throw ToError(problems);
  return config;
}

}  // namespace holdfast::config
