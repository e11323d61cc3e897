#include "cli/toml_text.h"

#include <fmt/format.h>

#include "config/settings.h"

namespace holdfast::cli {

std::string TomlString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string RepositoryTable(std::string_view name) {
  const bool bare = config::ToText({std::string(name)}) == name;
  return fmt::format("[repository.{}]", bare ? std::string(name) : TomlString(name));
}

}  // namespace holdfast::cli
