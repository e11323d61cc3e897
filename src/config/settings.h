// Settings before they have types: what was written where, under which key.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::config {

// "source.shop.connection" as its parts.
using Key = std::vector<std::string>;

// Dots between the parts; a part that TOML would want quoted is quoted.
std::string ToText(const Key& key);

// Where a value came from.
struct Origin {
  enum class Kind { kDefault, kFile, kEnvironment, kSystem };
  Kind kind = Kind::kDefault;
  // The file's path, the variable's name, or what of the system was asked ("/etc/localtime").
  std::string name;
  std::size_t line = 0;  // kFile only
  // "default", "/etc/holdfast/holdfast.toml:12", "HOLDFAST_TIMEZONE".
  std::string ToText() const;
};

// A value is always text, or a list of texts: its type is the schema's business.
struct Setting {
  std::vector<std::string> values;  // exactly one unless the schema says list
  Origin origin;
};

// Ordered by key; which of several tables was written first is seen by `order`.
struct Settings {
  std::map<Key, Setting> values;
  // The instance of each wildcard ("repository.main", "source.shop.job.base") in order of
  // appearance.
  std::vector<Key> tables;

  void AddTable(const Key& table);
  // The names that follow `prefix`, in order of appearance: Names({"repository"}).
  std::vector<std::string> Names(const Key& prefix) const;
};

// One thing that is wrong with the configuration.
struct Problem {
  Origin origin;
  std::string message;
  std::vector<std::string> hints;
};

// Error(kUsage) with the first problem as its message and the number of others as a hint.
base::Error ToError(const std::vector<Problem>& problems);

}  // namespace holdfast::config
