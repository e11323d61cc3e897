// What a verification found wrong, gathered by object.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/synchronized.h"
#include "repo/ids.h"
#include "upkeep/verify.h"

namespace holdfast::upkeep {

// A pack's damage: all of it, or some frames.
struct BadPack {
  bool whole = false;
  std::set<std::uint32_t> frames;
};
using BadPacks = std::map<repo::PackId, BadPack>;

// Thread-safe.
class DamageLog {
 public:
  void Add(std::string_view object, std::string problem);
  void AddPack(const repo::PackId& pack, std::string problem);
  void AddFrame(const repo::FrameRef& frame, std::string problem);
  // A hit that is known where the damage is found.
  void AddHit(std::string_view object, Damage::Hit hit);

  BadPacks bad_packs() const;
  // Ascending by object.
  std::vector<Damage> Take();

 private:
  struct Found {
    std::map<std::string, Damage, std::less<>> by_object;
    BadPacks packs;
  };
  static Damage& At(Found& found, std::string_view object);
  base::Synchronized<Found> found_;
};

}  // namespace holdfast::upkeep
