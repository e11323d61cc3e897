// What of the parent cannot be built upon, because it is lost or damaged: the new backup stores it
// again, as far as the source still has it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/synchronized.h"
#include "repo/ids.h"

namespace holdfast::backup {

// Gathers what is to be said about it: of each pack the first complaint. Thread-safe.
class ParentLosses {
 public:
  void Add(const repo::PackId& pack, std::string_view complaint);

  // Runs `read`, which reads what lies in `pack`. False when that is missing or altered: a loss.
  // What is thrown for any other reason goes through, as the pack may well be sound.
  template <typename Read>
  bool CanRead(const repo::PackId& pack, Read&& read) {
    try {
      read();
      return true;
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kCorrupt) throw;
      Add(pack, error.message());
      return false;
    }
  }

  // For people. Of very many packs, twenty and the number of the others.
  std::vector<std::string> Warnings() const;

 private:
  base::Synchronized<std::map<repo::PackId, std::string>> complaints_;
};

}  // namespace holdfast::backup
