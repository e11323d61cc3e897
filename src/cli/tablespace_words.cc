#include "cli/tablespace_words.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/error.h"

namespace holdfast::cli {

void AddTablespaceOption(CLI::App& app, std::vector<std::string>& words) {
  app.add_option("--tablespace", words,
                 "Put a tablespace (location, name or OID) elsewhere; repeatable")
      ->type_name("OLD=NEW")
      ->allow_extra_args(false);
}

std::map<std::string, base::Path> TablespacesIn(const std::vector<std::string>& words,
                                                const base::Path& here) {
  std::map<std::string, base::Path> tablespaces;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
      throw base::Error(base::ErrorKind::kUsage,
                        fmt::format("tablespace \"{}\" is not OLD=NEW", word),
                        {"for example: --tablespace /srv/fast=/srv/restored/fast; `holdfast show "
                         "BACKUP` lists them"});
    tablespaces[word.substr(0, equals)] = here / word.substr(equals + 1);
  }
  return tablespaces;
}

}  // namespace holdfast::cli
