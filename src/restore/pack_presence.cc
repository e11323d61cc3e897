#include "restore/pack_presence.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/counted.h"
#include "repo/damage_mark.h"
#include "repo/snapshot.h"
#include "repo/stored_check.h"

namespace holdfast::restore {

namespace {

constexpr std::size_t kMaxNamed = 8;

}  // namespace

bool NeededPacks::IsSuspect(const repo::PackId& pack) const {
  const auto id = repo::ShortPackId::Of(pack);
  return missing.contains(id) || marked.contains(id);
}

NeededPacks LookForPacks(const repo::Repository& repository, const repo::BackupId& backup) {
  const std::vector<repo::ShortPackId> needed = repo::ReadPackList(repository.storage(), backup);
  NeededPacks packs{.missing = {needed.begin(), needed.end()},
                    .marked = {},
                    .first_marked = {},
                    .count = needed.size()};
  repo::DamagedPacks marks;
  marks.Refresh(repository.storage());
  repository.storage().List(repo::kPacksPrefix, {}, [&](const storage::ObjectInfo& object) {
    if (!repo::IsStoredName(object.name)) return;  // somebody's copy beside the packs
    const auto slash = object.name.rfind('/');
    const repo::PackId pack = repo::PackId::FromHex(object.name.substr(slash + 1));
    const bool is_needed = packs.missing.erase(repo::ShortPackId::Of(pack)) > 0;
    if (!is_needed || !marks.Contains(pack)) return;
    packs.marked.insert(repo::ShortPackId::Of(pack));
    if (packs.first_marked.size() < kMaxNamed) packs.first_marked.push_back(pack.ToHex());
  });
  return packs;
}

std::string ToText(const NeededPacks& packs, const repo::BackupId& backup) {
  const std::string all =
      fmt::format("of the {} of backup {}", base::Counted(packs.count, "pack"), backup.ToString());
  std::vector<std::string> texts;
  if (!packs.missing.empty()) {
    texts.push_back(fmt::format("{} {} {} missing, the first is {}...", packs.missing.size(), all,
                                packs.missing.size() == 1 ? "is" : "are",
                                base::ToHex(packs.missing.begin()->bytes)));
  }
  if (!packs.marked.empty()) {
    const bool more = packs.first_marked.size() < packs.marked.size();
    texts.push_back(fmt::format("{} {} {} found damaged, pack {}{}", packs.marked.size(), all,
                                packs.marked.size() == 1 ? "was" : "were",
                                fmt::join(packs.first_marked, ", "), more ? " and others" : ""));
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace holdfast::restore
