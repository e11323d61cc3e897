#include "restore/recovery_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>
#include <vector>

#include "base/time_text.h"
#include "restore/portable_config.h"

namespace holdfast::restore {

namespace {

constexpr std::string_view kHeading = "# Added by holdfast restore";
constexpr std::string_view kExportHeading = "# Added by holdfast export";

using Setting = std::pair<std::string, std::string>;

// Left over from the source or an earlier restore, any of these would change where recovery stops,
// what it runs, or where it gets WAL. Two targets at once the server refuses, also one that is
// being unset after another was set: what unsets comes before what sets.
std::vector<Setting> Unset(pg::MajorVersion version) {
  std::vector<Setting> settings = {{"archive_cleanup_command", ""},   {"recovery_end_command", ""},
                                   {"primary_conninfo", ""},          {"primary_slot_name", ""},
                                   {"recovery_min_apply_delay", "0"}, {"recovery_target", ""},
                                   {"recovery_target_lsn", ""},       {"recovery_target_name", ""},
                                   {"recovery_target_time", ""},      {"recovery_target_xid", ""}};
  if (version < pg::MajorVersion::FromNumber(16)) settings.emplace_back("promote_trigger_file", "");
  return settings;
}

// What keeps a copy from disturbing others. It would archive its own future into the source's
// archive, wait for standbys it does not have before it lets anybody commit, and take over the
// source's subscriptions.
std::vector<Setting> Seclusion() {
  return {{"archive_mode", "off"},
          {"synchronous_standby_names", ""},
          {"max_logical_replication_workers", "0"}};
}

// Nothing of the source's own orders stays in this file; without archive_mode others do nothing.
constexpr std::array<std::string_view, 2> kArchiving = {"archive_command", "archive_library"};

struct TargetSetting {
  Setting operator()(const LatestTarget&) const { return {}; }
  Setting operator()(const ImmediateTarget&) const { return {"recovery_target", "immediate"}; }
  Setting operator()(const TimeTarget& target) const {
    // The server reads neither the T nor the Z of RFC 3339 here; the zone keeps it independent of
    // its TimeZone.
    std::string time = base::FormatRfc3339(target.time);
    time.replace(time.find('T'), 1, " ").replace(time.find('Z'), 1, "+00");
    return {"recovery_target_time", time};
  }
  Setting operator()(const LsnTarget& target) const {
    return {"recovery_target_lsn", pg::FormatLsn(target.lsn)};
  }
  Setting operator()(const XidTarget& target) const {
    return {"recovery_target_xid", std::to_string(target.xid)};
  }
  Setting operator()(const NameTarget& target) const {
    return {"recovery_target_name", target.name};
  }
};

std::string_view ActionName(TargetAction action) {
  switch (action) {
    case TargetAction::kPause:
      return "pause";
    case TargetAction::kPromote:
      return "promote";
    case TargetAction::kShutdown:
      return "shutdown";
  }
  return "pause";
}

// '%' starts a placeholder in restore_command, so a literal one is doubled.
std::string DoublePercents(std::string_view command) {
  std::string doubled;
  for (const char c : command) doubled.append(c == '%' ? 2 : 1, c);
  return doubled;
}

// Up to a gap only a target ends recovery as a success: the server takes a missing file that
// nothing is said about for damage.
TargetOptions TargetOf(const RecoverySettings& settings) {
  TargetOptions target = settings.target;
  if (settings.gap && std::holds_alternative<LatestTarget>(target.target)) {
    target.target = LsnTarget{settings.gap->last_record};
    target.exclusive = false;
  }
  return target;
}

std::string RestoreCommand(const RecoverySettings& settings) {
  std::string command = fmt::format("{} --timeline {}", DoublePercents(settings.fetch_command),
                                    settings.timeline.value());
  if (settings.gap) command += fmt::format(" --end {}", pg::FormatLsn(settings.gap->gap.start));
  return command + " %f \"%p\"";
}

std::vector<Setting> Recovery(const RecoverySettings& settings) {
  std::vector<Setting> all = Unset(settings.version);
  const TargetOptions options = TargetOf(settings);
  const Setting target = std::visit(TargetSetting{}, options.target);
  std::erase_if(all, [&](const Setting& unset) { return unset.first == target.first; });
  if (!target.first.empty()) all.push_back(target);
  all.emplace_back("recovery_target_inclusive", options.exclusive ? "off" : "on");
  all.emplace_back("recovery_target_action", ActionName(options.action));
  all.emplace_back("recovery_target_timeline", std::to_string(settings.timeline.value()));
  all.emplace_back("restore_command", RestoreCommand(settings));
  // Otherwise a server that is to pause shuts down.
  if (options.action == TargetAction::kPause) all.emplace_back("hot_standby", "on");
  if (settings.in_place_tablespaces) all.emplace_back(kInPlaceSetting, "on");
  all.insert(all.end(), settings.overrides.begin(), settings.overrides.end());
  return all;
}

void Append(std::string& text, const std::vector<Setting>& settings) {
  for (const auto& [name, value] : settings)
    text += fmt::format("{} = {}\n", name, QuoteSetting(value));
}

// Every line but those of a setting in `replaced`, and those that a restore or export added about
// itself.
std::string Kept(std::string_view existing, const std::set<std::string>& replaced) {
  std::string text;
  while (!existing.empty()) {
    const auto end = existing.find('\n');
    const std::string_view line = existing.substr(0, end);
    const bool ours = line.starts_with(kHeading) || line.starts_with(kExportHeading);
    if (!ours && !replaced.contains(SettingNameIn(line))) text.append(line).append("\n");
    existing.remove_prefix(end == std::string_view::npos ? existing.size() : end + 1);
  }
  return text;
}

}  // namespace

std::string SettingNameIn(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos || line[begin] == '#') return {};
  const auto end = line.find_first_of(" \t=", begin);
  std::string name(line.substr(begin, end == std::string_view::npos ? end : end - begin));
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

std::string QuoteSetting(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\n') {
      quoted += "\\n";  // a statement ends with its line
      continue;
    }
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

std::string AutoConf(std::string_view existing, const RecoverySettings& settings) {
  const std::vector<Setting> recovery = Recovery(settings);
  const std::vector<Setting> secluding =
      settings.replaces_source ? std::vector<Setting>() : Seclusion();
  std::set<std::string> replaced;
  for (const auto& [name, value] : recovery) replaced.insert(name);
  for (const auto& [name, value] : secluding) replaced.insert(name);
  if (!settings.replaces_source) replaced.insert(kArchiving.begin(), kArchiving.end());

  std::string text = Kept(existing, replaced);
  text += fmt::format("{}: what is empty here is unset, whatever other files say.\n", kHeading);
  Append(text, recovery);
  if (!secluding.empty())
    text += fmt::format("{}: this copy leaves the source and its standbys alone.\n", kHeading);
  Append(text, secluding);
  return text;
}

std::string ExportedAutoConf(std::string_view existing,
                             const std::map<std::string, std::string>& added) {
  std::vector<Setting> settings = Seclusion();
  settings.insert(settings.end(), added.begin(), added.end());
  std::set<std::string> replaced(kArchiving.begin(), kArchiving.end());
  replaced.insert(kPlaces.begin(), kPlaces.end());
  for (const auto& [name, value] : settings) replaced.insert(name);
  std::string text = Kept(existing, replaced);
  text += fmt::format("{}: this copy leaves the source and its standbys alone.\n", kExportHeading);
  Append(text, settings);
  return text;
}

}  // namespace holdfast::restore
