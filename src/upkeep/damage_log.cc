#include "upkeep/damage_log.h"

#include <utility>

namespace holdfast::upkeep {

Damage& DamageLog::At(Found& found, std::string_view object) {
  const auto [place, added] = found.by_object.try_emplace(std::string(object));
  if (added) place->second.object = object;
  return place->second;
}

void DamageLog::Add(std::string_view object, std::string problem) {
  found_.With([&](Found& found) {
    Damage& damage = At(found, object);
    if (damage.problem.empty()) damage.problem = std::move(problem);
  });
}

void DamageLog::AddPack(const repo::PackId& pack, std::string problem) {
  Add(repo::PackObject(pack), std::move(problem));
  found_.With([&](Found& found) { found.packs[pack].whole = true; });
}

void DamageLog::AddFrame(const repo::FrameRef& frame, std::string problem) {
  Add(repo::PackObject(frame.pack), std::move(problem));
  found_.With([&](Found& found) { found.packs[frame.pack].frames.insert(frame.frame); });
}

void DamageLog::AddHit(std::string_view object, Damage::Hit hit) {
  found_.With([&](Found& found) { At(found, object).hits.push_back(std::move(hit)); });
}

BadPacks DamageLog::bad_packs() const {
  return found_.With([](const Found& found) { return found.packs; });
}

std::vector<Damage> DamageLog::Take() {
  return found_.With([](Found& found) {
    std::vector<Damage> damages;
    for (auto& [object, damage] : found.by_object) damages.push_back(std::move(damage));
    return damages;
  });
}

}  // namespace holdfast::upkeep
