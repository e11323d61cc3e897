// The rules by which a bucket deletes objects by itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace holdfast::storage {

// One enabled rule, as far as it touches objects without tags.
struct LifecycleRule {
  std::string name;            // its ID, or "a rule"
  std::string prefix;          // "" for all objects
  bool deletes = false;        // by age or date
  bool archives = false;       // to a class that cannot be read at once
  bool ends_versions = false;  // deletes what was replaced or removed before
};

// A LifecycleConfiguration. Error(kUnavailable) for anything else.
std::vector<LifecycleRule> ParseLifecycle(base::ByteView xml);

// Whether objects that begin with `prefix` can be among those of the rule.
bool Covers(const LifecycleRule& rule, std::string_view prefix);

}  // namespace holdfast::storage
