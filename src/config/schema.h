// Every key that a configuration may hold: the one table that reading, the environment's names,
// defaults, masking and `config show` go by.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace holdfast::config {

enum class ValueType {
  kText,
  kPath,      // relative ones are taken from the file's folder (environment: the working directory)
  kInteger,   // 0 to 2^31 - 1
  kDecimal,   // 0.0045; in TOML bare or in quotes
  kBoolean,   // "true" or "false"
  kSize,      // base::ParseBytes; in TOML also a bare integer
  kDuration,  // base::ParseDuration
  kTextList,  // in the environment: separated by commas
};

enum class Secrecy {
  kOpen,
  kConnection,  // a libpq connection string: its passwords are masked
  kUrl,         // what follows the scheme is masked
  kSecret,      // masked altogether
};

struct KeySpec {
  // "*" stands for a name the user chooses, "#" for the place in an array of tables.
  std::string_view pattern;
  ValueType type = ValueType::kText;
  Secrecy secrecy = Secrecy::kOpen;
  // Empty: no default, or one that depends on other things.
  std::string_view default_text = {};
  // When not empty: the values allowed, separated by '|'.
  std::string_view choices = {};
};

std::span<const KeySpec> Schema();

// The pattern's parts.
std::vector<std::string_view> Parts(const KeySpec& spec);

// Null when the key is not known.
const KeySpec* FindKey(const Key& key);
// What may follow `prefix`: literal parts, and whether a name ("*") or an array of tables ("#").
struct Children {
  std::vector<std::string> literals;
  bool name = false;
  bool array = false;
  bool any() const { return name || array || !literals.empty(); }
};
Children ChildrenOf(const Key& prefix);

// The candidate that `word` was most likely meant to be; empty when none is near.
std::optional<std::string> Nearest(std::string_view word, std::span<const std::string> candidates);

// What a setting's values look like when shown to anyone.
std::string Shown(const KeySpec& spec, const Setting& setting);

}  // namespace holdfast::config
