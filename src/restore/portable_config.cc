#include "restore/portable_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "restore/recovery_settings.h"

namespace holdfast::restore {

namespace {

constexpr std::string_view kPidFile = "external_pid_file";

std::string ValueOf(const ConfigOfBackup& config, std::string_view name) {
  const auto found = config.settings.find(std::string(name));
  return found == config.settings.end() ? std::string() : found->second;
}

// Is there a file of the usual name for the server to find?
void CheckFile(const ConfigOfBackup& config, std::string_view name, const std::string& usual,
               ConfigPlaces& places) {
  const base::Path named = ValueOf(config, name);
  if (named.empty() || (named.filename() == usual && config.has(usual))) return;
  // That it is not in the backup is warned of already.
  if (std::ranges::find(config.outside_files, named.native()) != config.outside_files.end()) return;
  places.warnings.push_back(
      fmt::format("the source's {} is {}: the exported server looks for {} in its data directory",
                  name, named.native(), usual));
}

}  // namespace

std::string WithoutPlaces(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (std::ranges::find(kPlaces, SettingNameIn(line)) != kPlaces.end())
      out += "# Left out by holdfast export: ";
    out += line;
    if (end == std::string_view::npos) break;
    out += '\n';
    text.remove_prefix(end + 1);
  }
  return out;
}

ConfigPlaces PortablePlaces(const ConfigOfBackup& config,
                            const std::map<std::string, std::string>& texts) {
  ConfigPlaces places;
  for (const auto& [path, text] : texts) {
    if (WithoutPlaces(text) != text) places.changed.insert(path);
  }
  CheckFile(config, "hba_file", "pg_hba.conf", places);
  CheckFile(config, "ident_file", "pg_ident.conf", places);
  if (!ValueOf(config, kPidFile).empty() || !config.outside_files.empty())
    places.overrides[std::string(kPidFile)] = "postmaster.external.pid";
  return places;
}

}  // namespace holdfast::restore
