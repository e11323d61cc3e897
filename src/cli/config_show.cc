#include <CLI/CLI.hpp>
#include <algorithm>
#include <tuple>

#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"
#include "config/schema.h"

namespace holdfast::cli {
namespace {

// Repositories and sources in their order, keys in the schema's.
auto Place(const config::Config& config, const config::Key& key) {
  const auto index = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) - names.begin();
  };
  const int section = key[0] == "repository" ? 1
                      : key[0] == "source"   ? 2
                      : key[0] == "notify"   ? 3
                                             : 0;
  const auto instance =
      section == 1 || section == 2 ? index(config.settings.Names({key[0]}), key[1]) : 0;
  const bool in_job = section == 2 && key[2] == "job";
  const auto job = in_job ? index(config.settings.Names({key[0], key[1], "job"}), key[3]) : 0;
  // Jobs stay together between the source's own keys and what follows them in the schema.
  const int part = in_job ? 1 : section == 2 && key[2] == "health" ? 2 : 0;
  return std::tuple(section, instance, part, job, config::FindKey(key) - config::Schema().data());
}

std::vector<config::Key> Sorted(const config::Config& config) {
  std::vector<config::Key> keys;
  for (const auto& [key, setting] : config.settings.values) keys.push_back(key);
  std::sort(keys.begin(), keys.end(), [&](const config::Key& a, const config::Key& b) {
    return Place(config, a) < Place(config, b);
  });
  return keys;
}

int ShowJson(Session& session, const config::Config& config) {
  nlohmann::json settings = nlohmann::json::array();
  for (const config::Key& key : Sorted(config)) {
    const config::Setting& setting = config.settings.values.at(key);
    settings.push_back({{"key", config::ToText(key)},
                        {"value", config::Shown(*config::FindKey(key), setting)},
                        {"origin", setting.origin.ToText()}});
  }
  nlohmann::json file = config.file ? nlohmann::json(config.file->string()) : nlohmann::json();
  session.PrintJson({{"file", std::move(file)}, {"settings", std::move(settings)}});
  return ToInt(ExitCode::kDone);
}

int Show(Session& session) {
  const config::Config& config = session.config();
  if (session.json()) return ShowJson(session, config);
  Table table({{"KEY"}, {"VALUE"}, {"FROM"}});
  for (const config::Key& key : Sorted(config)) {
    const config::Setting& setting = config.settings.values.at(key);
    table.Add({config::ToText(key), config::Shown(*config::FindKey(key), setting),
               setting.origin.ToText()});
  }
  table.Print(session.out());
  return ToInt(ExitCode::kDone);
}

}  // namespace

Command ConfigShowCommand() {
  return {.path = "config show",
          .purpose = "Show every effective value and where it came from; secrets are masked",
          .example = "holdfast config show --json",
          .declare = [](CLI::App&) -> Action { return Show; }};
}

}  // namespace holdfast::cli
