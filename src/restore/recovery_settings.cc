#include "restore/recovery_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/time_text.h"

namespace holdfast::restore {

namespace {

constexpr std::string_view kHeading = "# Added by holdfast restore.";

// Left over from the source or an earlier restore, any of these would change where recovery stops,
// where it gets WAL, or where this copy sends its own.
constexpr std::array kInterfering = {
    "archive_cleanup_command",  "archive_command",
    "archive_library",          "archive_mode",
    "primary_conninfo",         "primary_slot_name",
    "promote_trigger_file",     "recovery_end_command",
    "recovery_min_apply_delay", "recovery_target",
    "recovery_target_action",   "recovery_target_inclusive",
    "recovery_target_lsn",      "recovery_target_name",
    "recovery_target_time",     "recovery_target_timeline",
    "recovery_target_xid",      "restore_command",
};

constexpr std::string_view kInPlace = "allow_in_place_tablespaces";

std::string NameIn(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos || line[begin] == '#') return {};
  const auto end = line.find_first_of(" \t=", begin);
  std::string name(line.substr(begin, end == std::string_view::npos ? end : end - begin));
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

bool Interferes(std::string_view line, const RecoverySettings& settings) {
  if (line.starts_with(kHeading)) return true;
  const std::string name = NameIn(line);
  if (settings.in_place_tablespaces && name == kInPlace) return true;
  if (settings.keep_archiving && name.starts_with("archive_") && name != "archive_cleanup_command")
    return false;
  return std::ranges::find(kInterfering, name) != kInterfering.end();
}

struct TargetLines {
  std::string operator()(const LatestTarget&) const { return {}; }
  std::string operator()(const ImmediateTarget&) const { return "recovery_target = 'immediate'\n"; }
  std::string operator()(const TimeTarget& target) const {
    // The server reads neither the T nor the Z of RFC 3339 here; the zone keeps it independent of
    // its TimeZone.
    std::string time = base::FormatRfc3339(target.time);
    time.replace(time.find('T'), 1, " ").replace(time.find('Z'), 1, "+00");
    return fmt::format("recovery_target_time = {}\n", QuoteSetting(time));
  }
  std::string operator()(const LsnTarget& target) const {
    return fmt::format("recovery_target_lsn = '{}'\n", pg::FormatLsn(target.lsn));
  }
  std::string operator()(const XidTarget& target) const {
    return fmt::format("recovery_target_xid = '{}'\n", target.xid);
  }
  std::string operator()(const NameTarget& target) const {
    return fmt::format("recovery_target_name = {}\n", QuoteSetting(target.name));
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

}  // namespace

std::string QuoteSetting(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

std::string AutoConf(std::string_view existing, const RecoverySettings& settings) {
  std::string text;
  while (!existing.empty()) {
    const auto end = existing.find('\n');
    const std::string_view line = existing.substr(0, end);
    if (!Interferes(line, settings)) text.append(line).append("\n");
    existing.remove_prefix(end == std::string_view::npos ? existing.size() : end + 1);
  }
  text += fmt::format("{}\n", kHeading);
  text += fmt::format("restore_command = {}\n",
                      QuoteSetting(DoublePercents(settings.fetch_command) + " %f \"%p\""));
  text += fmt::format("recovery_target_timeline = '{}'\n", settings.timeline.value());
  const std::string target = std::visit(TargetLines{}, settings.target.target);
  text += target;
  if (!target.empty()) {
    if (settings.target.exclusive) text += "recovery_target_inclusive = 'off'\n";
    text += fmt::format("recovery_target_action = '{}'\n", ActionName(settings.target.action));
  }
  if (settings.in_place_tablespaces) text += fmt::format("{} = 'on'\n", kInPlace);
  // A copy that archives would write its own future into the source's archive.
  if (!settings.keep_archiving) text += "archive_mode = 'off'\n";
  return text;
}

}  // namespace holdfast::restore
