// What a verification found wrong, gathered by object.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/synchronized.h"
#include "repo/ids.h"
#include "upkeep/verify.h"

namespace holdfast::upkeep {

// What is bad of a pack: all of it, or some frames.
struct BadPack {
  bool whole = false;
  std::vector<bool> frames;  // by number; those beyond its end are not known to be bad

  bool Takes(std::uint32_t frame) const {
    return whole || (frame < frames.size() && frames[frame]);
  }
};

// Thread-safe. Of several problems of one object the first is kept.
//
// Packs go by their short ids, since of a missing one no more may be known. Memory grows with what
// is damaged: at worst one bit for each frame, and the hits.
class DamageLog {
 public:
  void Add(std::string_view object, std::string problem);
  void AddHit(std::string_view object, Damage::Hit hit);
  // Those that were added and are no packs, ascending.
  std::vector<std::string> objects() const;

  // All of the pack is bad, or not there.
  void AddPack(const repo::ShortPackId& pack, std::string problem);
  void AddPack(const repo::PackId& pack, std::string problem);
  // The pack has so many frames that `frame` is one of them.
  void AddFrame(const repo::FrameRef& frame, std::string problem);
  // Something about the pack is wrong that makes no frame of it bad.
  void AddPackProblem(const repo::PackId& pack, std::string problem);
  // Once the full id is known, it is what the pack is called.
  void AddPackHit(const repo::PackId& pack, Damage::Hit hit);
  void AddPackHit(const repo::ShortPackId& pack, Damage::Hit hit);

  // Empty when nothing is known to be bad.
  std::optional<BadPack> Find(const repo::PackId& pack) const;
  bool Takes(const repo::FrameRef& frame) const;
  std::vector<repo::ShortPackId> bad_packs() const;  // ascending

  // Ascending by object; the hits of each by backup and path.
  std::vector<Damage> Take();

  // Its record is of a format that this program is too old for: nothing can be said of it, least
  // that it is damaged.
  void AddNewer(const repo::BackupId& backup, std::string_view why);
  std::vector<std::string> TakeNewer();  // in words, ascending by backup

  void AddOddity(std::string_view object, std::string remark);
  std::vector<Oddity> TakeOddities();  // ascending by object

 private:
  struct PackDamage {
    BadPack bad;
    Damage damage;
  };
  struct Found {
    std::map<std::string, Damage, std::less<>> objects;
    std::map<repo::ShortPackId, PackDamage> packs;
    std::map<repo::BackupId, std::string> newer;  // in words
    std::vector<Oddity> oddities;
  };
  static PackDamage& At(Found& found, const repo::ShortPackId& pack);
  static PackDamage& At(Found& found, const repo::PackId& pack);

  base::Synchronized<Found> found_;
};

}  // namespace holdfast::upkeep
