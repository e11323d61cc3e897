// Pieces of configuration files that the program writes.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::cli {

// A basic string of TOML.
std::string TomlString(std::string_view text);
// "[repository.main]", the name quoted where it has to be.
std::string RepositoryTable(std::string_view name);

}  // namespace holdfast::cli
