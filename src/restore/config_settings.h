// What the configuration files in a backup say: postgresql.conf with what it includes, and
// postgresql.auto.conf.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::restore {

struct ConfigStatement {
  std::string name;  // in lower case
  std::string value;
  friend bool operator==(const ConfigStatement&, const ConfigStatement&) = default;
};

// The statements of one file in their order. Lines that the server would not take are left out.
std::vector<ConfigStatement> ParseConfig(std::string_view text);

// The files that a server on the restored directory would find there.
struct ConfigFiles {
  std::vector<std::string> paths;  // relative to the data directory, ascending
  std::function<std::optional<std::string>(const std::string& path)> read;
};

// The settings in force after all of them, by name. Includes from outside the data directory are
// not followed.
std::map<std::string, std::string> SettingsInForce(const ConfigFiles& files);

}  // namespace holdfast::restore
