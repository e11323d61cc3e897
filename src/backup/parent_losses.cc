#include "backup/parent_losses.h"

#include <fmt/format.h>

namespace holdfast::backup {

namespace {

constexpr std::size_t kMaxTold = 20;

}  // namespace

void ParentLosses::Add(const repo::PackId& pack, std::string_view complaint) {
  complaints_.With([&](auto& complaints) { complaints.try_emplace(pack, complaint); });
}

std::vector<std::string> ParentLosses::Warnings() const {
  return complaints_.With([](const auto& complaints) {
    std::vector<std::string> warnings;
    for (const auto& [pack, complaint] : complaints) {
      if (warnings.size() == kMaxTold) {
        warnings.push_back(
            fmt::format("{} more packs of the parent backup are lost or damaged: what they held is "
                        "stored again",
                        complaints.size() - kMaxTold));
        break;
      }
      warnings.push_back(
          fmt::format("{}: what the parent backup kept there is stored again", complaint));
    }
    return warnings;
  });
}

}  // namespace holdfast::backup
