#include "upkeep/damage_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace holdfast::upkeep {

namespace {

void SetProblem(Damage& damage, std::string problem) {
  if (damage.problem.empty()) damage.problem = std::move(problem);
}

// The beginning of the name of a pack of which only half the id is known.
std::string NameOfHalf(const repo::ShortPackId& pack) {
  const std::string half = base::ToHex(pack.bytes);
  return fmt::format("{}{}/{}...", repo::kPacksPrefix, half.substr(0, 2), half);
}

void SortHits(Damage& damage) {
  std::ranges::sort(damage.hits, [](const Damage::Hit& a, const Damage::Hit& b) {
    return std::tie(a.backup, a.path) < std::tie(b.backup, b.path);
  });
}

}  // namespace

DamageLog::PackDamage& DamageLog::At(Found& found, const repo::ShortPackId& pack) {
  const auto [place, added] = found.packs.try_emplace(pack);
  if (added) place->second.damage.object = NameOfHalf(pack);
  return place->second;
}

DamageLog::PackDamage& DamageLog::At(Found& found, const repo::PackId& pack) {
  PackDamage& damage = At(found, repo::ShortPackId::Of(pack));
  damage.damage.object = repo::PackObject(pack);
  return damage;
}

void DamageLog::Add(std::string_view object, std::string problem) {
  found_.With([&](Found& found) {
    Damage& damage = found.objects[std::string(object)];
    damage.object = object;
    SetProblem(damage, std::move(problem));
  });
}

void DamageLog::AddHit(std::string_view object, Damage::Hit hit) {
  found_.With(
      [&](Found& found) { found.objects[std::string(object)].hits.push_back(std::move(hit)); });
}

std::vector<std::string> DamageLog::objects() const {
  return found_.With([](const Found& found) {
    std::vector<std::string> names;
    names.reserve(found.objects.size());
    for (const auto& [name, damage] : found.objects) names.push_back(name);
    return names;
  });
}

void DamageLog::AddPack(const repo::ShortPackId& pack, std::string problem) {
  found_.With([&](Found& found) {
    PackDamage& damage = At(found, pack);
    damage.bad.whole = true;
    SetProblem(damage.damage, std::move(problem));
  });
}

void DamageLog::AddPack(const repo::PackId& pack, std::string problem) {
  AddPack(repo::ShortPackId::Of(pack), std::move(problem));
  found_.With([&](Found& found) { At(found, pack); });
}

void DamageLog::AddFrame(const repo::FrameRef& frame, std::string problem) {
  found_.With([&](Found& found) {
    PackDamage& damage = At(found, frame.pack);
    std::vector<bool>& frames = damage.bad.frames;
    frames.resize(std::max<std::size_t>(frames.size(), std::size_t{frame.frame} + 1));
    frames[frame.frame] = true;
    SetProblem(damage.damage, std::move(problem));
  });
}

void DamageLog::AddPackProblem(const repo::PackId& pack, std::string problem) {
  found_.With([&](Found& found) { SetProblem(At(found, pack).damage, std::move(problem)); });
}

void DamageLog::AddPackHit(const repo::PackId& pack, Damage::Hit hit) {
  found_.With([&](Found& found) { At(found, pack).damage.hits.push_back(std::move(hit)); });
}

void DamageLog::AddPackHit(const repo::ShortPackId& pack, Damage::Hit hit) {
  found_.With([&](Found& found) { At(found, pack).damage.hits.push_back(std::move(hit)); });
}

std::optional<BadPack> DamageLog::Find(const repo::PackId& pack) const {
  return found_.With([&](const Found& found) -> std::optional<BadPack> {
    const auto place = found.packs.find(repo::ShortPackId::Of(pack));
    if (place == found.packs.end()) return std::nullopt;
    return place->second.bad;
  });
}

bool DamageLog::Takes(const repo::FrameRef& frame) const {
  const std::optional<BadPack> bad = Find(frame.pack);
  return bad && bad->Takes(frame.frame);
}

std::vector<repo::ShortPackId> DamageLog::bad_packs() const {
  return found_.With([](const Found& found) {
    std::vector<repo::ShortPackId> packs;
    for (const auto& [pack, damage] : found.packs) packs.push_back(pack);
    return packs;
  });
}

std::vector<Damage> DamageLog::Take() {
  std::vector<Damage> damages;
  found_.With([&](Found& found) {
    for (auto& [object, damage] : found.objects) damages.push_back(std::move(damage));
    for (auto& [pack, damage] : found.packs) damages.push_back(std::move(damage.damage));
    found.objects.clear();
    found.packs.clear();
  });
  std::ranges::sort(damages, {}, &Damage::object);
  for (Damage& damage : damages) SortHits(damage);
  return damages;
}

void DamageLog::AddNewer(const repo::BackupId& backup, std::string_view why) {
  found_.With([&](Found& found) {
    found.newer.try_emplace(
        backup, fmt::format("nothing is known of backup {}: {}", backup.ToString(), why));
  });
}

std::vector<std::string> DamageLog::TakeNewer() {
  auto newer = found_.With([](Found& found) { return std::exchange(found.newer, {}); });
  std::vector<std::string> words;
  for (auto& [backup, text] : newer) words.push_back(std::move(text));
  return words;
}

void DamageLog::AddOddity(std::string_view object, std::string remark) {
  found_.With([&](Found& found) {
    found.oddities.push_back({.object = std::string(object), .remark = std::move(remark)});
  });
}

std::vector<Oddity> DamageLog::TakeOddities() {
  auto oddities = found_.With([](Found& found) { return std::exchange(found.oddities, {}); });
  std::ranges::sort(oddities, {}, &Oddity::object);
  return oddities;
}

}  // namespace holdfast::upkeep
