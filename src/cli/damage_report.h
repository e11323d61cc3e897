// What is damaged and what it takes with it, for people and as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "upkeep/verify.h"

namespace holdfast::cli {

nlohmann::json DamageJson(const upkeep::Damage& damage);
// The first of it, and how much more there is: a lost disk hits thousands of objects and files, all
// of which are in the JSON.
void PrintDamages(std::ostream& out, const std::vector<upkeep::Damage>& damages);

// What one backup loses by all the damage together.
struct BackupLoss {
  std::string backup;
  bool whole = false;       // its record or its tree: nothing of it can be told or restored
  std::uint64_t files = 0;  // that cannot be restored as they were
  std::uint64_t pages = 0;  // of files that are hit in part
  bool operator==(const BackupLoss&) const = default;
};
// Ascending by backup; those that lose nothing are not named.
std::vector<BackupLoss> LossesOf(const std::vector<upkeep::Damage>& damages);
std::string InWords(const BackupLoss& loss);

}  // namespace holdfast::cli
