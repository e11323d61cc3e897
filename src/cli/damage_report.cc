#include "cli/damage_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "base/counted.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t kObjectsShown = 20;
constexpr std::size_t kHitsShown = 10;

template <typename T>
std::span<const T> First(const std::vector<T>& all, std::size_t count) {
  return std::span(all).first(std::min(all.size(), count));
}

void PrintHit(std::ostream& out, const upkeep::Damage::Hit& hit) {
  std::string what = hit.path.empty() ? "the whole backup" : hit.path;
  if (hit.page_count > 0) what += ", " + base::Counted(hit.page_count, "page");
  out << "  " << Printable(fmt::format("{}: {}", hit.backup, what)) << '\n';
}

}  // namespace

nlohmann::json DamageJson(const upkeep::Damage& damage) {
  nlohmann::json hits = nlohmann::json::array();
  for (const upkeep::Damage::Hit& hit : damage.hits)
    hits.push_back({{"backup", hit.backup},
                    {"path", hit.path},
                    {"pages", hit.pages},
                    {"page_count", hit.page_count}});
  return {{"object", damage.object}, {"problem", damage.problem}, {"hits", std::move(hits)}};
}

void PrintDamages(std::ostream& out, const std::vector<upkeep::Damage>& damages) {
  for (const upkeep::Damage& damage : First(damages, kObjectsShown)) {
    out << Printable(fmt::format("damaged: {}: {}", damage.object, damage.problem)) << '\n';
    for (const upkeep::Damage::Hit& hit : First(damage.hits, kHitsShown)) PrintHit(out, hit);
    if (damage.hits.size() > kHitsShown)
      out << fmt::format("  and {} more\n", damage.hits.size() - kHitsShown);
  }
  if (damages.size() > kObjectsShown)
    out << fmt::format("damaged: {} more; --json names them all\n",
                       base::Counted(damages.size() - kObjectsShown, "object"));
}

std::vector<BackupLoss> LossesOf(const std::vector<upkeep::Damage>& damages) {
  std::map<std::string, BackupLoss> losses;
  std::map<std::string, std::set<std::string>> files;
  for (const upkeep::Damage& damage : damages) {
    for (const upkeep::Damage::Hit& hit : damage.hits) {
      BackupLoss& loss =
          losses.try_emplace(hit.backup, BackupLoss{.backup = hit.backup}).first->second;
      if (hit.path.empty()) {
        loss.whole = true;
        continue;
      }
      loss.pages += hit.page_count;
      files[hit.backup].insert(hit.path);
    }
  }
  std::vector<BackupLoss> list;
  for (auto& [backup, loss] : losses) {
    loss.files = files[backup].size();
    list.push_back(loss);
  }
  return list;
}

std::string InWords(const BackupLoss& loss) {
  if (loss.whole) return "the whole backup";
  const std::string files = base::Counted(loss.files, "file");
  return loss.pages == 0 ? files
                         : fmt::format("{}, {} of {}", files, base::Counted(loss.pages, "page"),
                                       loss.files == 1 ? "it" : "them");
}

}  // namespace holdfast::cli
