#include "pg/backup_label.h"

#include <fmt/format.h>

#include <map>

#include "base/error.h"
#include "pg/digits.h"
#include "pg/wal_segment.h"

namespace holdfast::pg {

namespace {

// Field names to values, as they stand in the text.
using Fields = std::map<std::string_view, std::string_view>;

[[noreturn]] void ThrowCorrupt(std::string_view what, std::string_view problem) {
  throw base::Error(base::ErrorKind::kCorrupt, fmt::format("the {} {}", what, problem));
}

[[noreturn]] void ThrowBadLabel(std::string_view field) {
  ThrowCorrupt("backup label", fmt::format("has an unreadable {}", field));
}

Fields SplitFields(std::string_view text) {
  if (!text.ends_with('\n')) ThrowCorrupt("backup label", "ends inside a line");
  Fields fields;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    // A second one could only come from a line end smuggled into the label.
    if (!fields.emplace(line.substr(0, colon), line.substr(colon + 2)).second) {
      ThrowCorrupt("backup label", fmt::format("has two lines {}", line.substr(0, colon)));
    }
  }
  return fields;
}

std::string_view Need(const Fields& fields, std::string_view name) {
  const auto found = fields.find(name);
  if (found == fields.end()) ThrowCorrupt("backup label", fmt::format("has no line {}", name));
  return found->second;
}

Lsn NeedLsn(const Fields& fields, std::string_view name) {
  const auto lsn = TryParseLsn(Need(fields, name));
  return lsn ? *lsn : (ThrowBadLabel(name), Lsn());
}

TimelineId NeedTimeline(const Fields& fields, std::string_view name) {
  const auto timeline = ParseNameNumber<std::uint32_t>(Need(fields, name));
  return timeline ? TimelineId(*timeline) : (ThrowBadLabel(name), TimelineId());
}

struct Location {
  Lsn lsn;
  std::string segment_name;
};

// "0/2000028 (file 000000010000000000000002)"
Location NeedLocation(const Fields& fields, std::string_view name) {
  constexpr std::string_view kFile = " (file ";
  const std::string_view value = Need(fields, name);
  const auto middle = value.find(kFile);
  if (middle == std::string_view::npos || !value.ends_with(')')) ThrowBadLabel(name);
  const auto lsn = TryParseLsn(value.substr(0, middle));
  auto segment_name = value.substr(middle + kFile.size());
  segment_name.remove_suffix(1);
  if (!lsn || WalFileKindOf(segment_name) != WalFileKind::kSegment) ThrowBadLabel(name);
  return {*lsn, std::string(segment_name)};
}

BackupOrigin NeedOrigin(const Fields& fields) {
  const std::string_view value = Need(fields, "BACKUP FROM");
  // "master" was the word for "primary" up to 14.
  if (value == "primary" || value == "master") return BackupOrigin::kPrimary;
  if (value == "standby") return BackupOrigin::kStandby;
  ThrowBadLabel("BACKUP FROM");
}

BackupEnd ReadEnd(const Fields& fields) {
  auto [lsn, segment_name] = NeedLocation(fields, "STOP WAL LOCATION");
  return {.lsn = lsn,
          .segment_name = std::move(segment_name),
          .timeline = NeedTimeline(fields, "STOP TIMELINE"),
          .time = std::string(Need(fields, "STOP TIME"))};
}

[[noreturn]] void ThrowBadMap(std::string_view problem) { ThrowCorrupt("tablespace map", problem); }

bool BackslashIsEscaped(MajorVersion version) { return version.number() >= 14; }

bool IsEscape(std::string_view text, std::size_t i, MajorVersion version) {
  if (text[i] != '\\' || i + 1 == text.size()) return false;
  return BackslashIsEscaped(version) || text[i + 1] == '\n' || text[i + 1] == '\r';
}

// Takes one line off `text`, with escapes resolved.
std::string TakeMapLine(std::string_view& text, MajorVersion version) {
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' || text[i] == '\r') {
      text.remove_prefix(i + 1);
      return line;
    }
    if (IsEscape(text, i, version)) ++i;
    line += text[i];
  }
  ThrowBadMap("ends inside a line");
}

TablespaceLink ParseMapLine(std::string_view line) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos) ThrowBadMap("has a line without a target");
  const auto tablespace = ParseNameNumber<Oid>(line.substr(0, space));
  const auto target = line.substr(space + 1);
  if (!tablespace || target.empty()) ThrowBadMap("has an unreadable line");
  return {*tablespace, std::string(target)};
}

}  // namespace

BackupLabel ParseBackupLabel(std::string_view text) {
  const Fields fields = SplitFields(text);
  BackupLabel label;
  auto [start, segment_name] = NeedLocation(fields, "START WAL LOCATION");
  label.start = start;
  label.start_segment_name = std::move(segment_name);
  label.checkpoint = NeedLsn(fields, "CHECKPOINT LOCATION");
  label.timeline = NeedTimeline(fields, "START TIMELINE");
  label.origin = NeedOrigin(fields);
  label.start_time = Need(fields, "START TIME");
  label.label = Need(fields, "LABEL");
  if (fields.contains("INCREMENTAL FROM LSN")) {
    label.incremental_from = NeedLsn(fields, "INCREMENTAL FROM LSN");
  }
  if (fields.contains("STOP WAL LOCATION")) label.end = ReadEnd(fields);
  return label;
}

std::vector<TablespaceLink> ParseTablespaceMap(std::string_view text, MajorVersion version) {
  std::vector<TablespaceLink> links;
  while (!text.empty()) {
    const std::string line = TakeMapLine(text, version);
    if (!line.empty()) links.push_back(ParseMapLine(line));
  }
  return links;
}

std::string FormatTablespaceMap(const std::vector<TablespaceLink>& links, MajorVersion version) {
  std::string text;
  for (const TablespaceLink& link : links) {
    text += fmt::format("{} ", link.tablespace);
    for (const char letter : link.target) {
      const bool escaped =
          letter == '\n' || letter == '\r' || (letter == '\\' && BackslashIsEscaped(version));
      if (escaped) text += '\\';
      text += letter;
    }
    text += '\n';
  }
  return text;
}

}  // namespace holdfast::pg
