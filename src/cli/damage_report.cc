#include "cli/damage_report.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "cli/table.h"

namespace holdfast::cli {

nlohmann::json DamageJson(const upkeep::Damage& damage) {
  nlohmann::json hits = nlohmann::json::array();
  for (const upkeep::Damage::Hit& hit : damage.hits)
    hits.push_back({{"backup", hit.backup},
                    {"path", hit.path},
                    {"pages", hit.pages},
                    {"page_count", hit.page_count}});
  return {{"object", damage.object}, {"problem", damage.problem}, {"hits", std::move(hits)}};
}

void PrintDamage(std::ostream& out, const upkeep::Damage& damage) {
  out << Printable(fmt::format("damaged: {}: {}", damage.object, damage.problem)) << '\n';
  for (const upkeep::Damage::Hit& hit : damage.hits) {
    std::string what = hit.path.empty() ? "the whole backup" : hit.path;
    if (hit.page_count > 0) what += fmt::format(", {} pages", hit.page_count);
    out << "  " << Printable(fmt::format("{}: {}", hit.backup, what)) << '\n';
  }
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
  return loss.pages == 0 ? fmt::format("{} files", loss.files)
                         : fmt::format("{} files, {} pages of them", loss.files, loss.pages);
}

}  // namespace holdfast::cli
