#include "config/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace holdfast::config {
namespace {

bool IsBare(std::string_view part) {
  constexpr std::string_view kBare =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !part.empty() && part.find_first_not_of(kBare) == std::string_view::npos;
}

}  // namespace

std::string ToText(const Key& key) {
  std::string text;
  for (const std::string& part : key) {
    if (!text.empty()) text += '.';
    text += IsBare(part) ? part : fmt::format("\"{}\"", part);
  }
  return text;
}

std::string Origin::ToText() const {
  switch (kind) {
    case Kind::kDefault:
      return "default";
    case Kind::kFile:
      return line == 0 ? name : fmt::format("{}:{}", name, line);
    case Kind::kEnvironment:
    case Kind::kSystem:
      break;
  }
  return name;
}

void Settings::AddTable(const Key& table) {
  if (std::find(tables.begin(), tables.end(), table) == tables.end()) tables.push_back(table);
}

std::vector<std::string> Settings::Names(const Key& prefix) const {
  std::vector<std::string> names;
  for (const Key& table : tables) {
    if (table.size() == prefix.size() + 1 &&
        std::equal(prefix.begin(), prefix.end(), table.begin()))
      names.push_back(table.back());
  }
  return names;
}

base::Error ToError(const std::vector<Problem>& problems) {
  const Problem& first = problems.front();
  const bool anywhere = first.origin.kind == Origin::Kind::kDefault;
  base::Error error(
      base::ErrorKind::kUsage,
      anywhere ? first.message : fmt::format("{}: {}", first.origin.ToText(), first.message),
      first.hints);
  if (problems.size() > 1) {
    error.AddHint(fmt::format("{} more to mend: see `holdfast config check`", problems.size() - 1));
  }
  return error;
}

}  // namespace holdfast::config
