#include "restore/in_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "restore/destination.h"
#include "restore/old_cluster.h"
#include "restore/old_wal.h"
#include "restore/surroundings.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

void CheckPrecious(const RestorePlan& plan, const RestoreOptions& options) {
  std::vector<base::Path> cleared = {plan.to};
  for (const auto& [oid, directory] : plan.tablespaces) cleared.push_back(directory);
  for (const base::Path& precious : options.precious) {
    for (const base::Path& directory : cleared) {
      if (!IsWithin(precious, directory)) continue;
      throw base::Error(
          base::ErrorKind::kConflict,
          fmt::format(
              "{} lies in {}, where a restore in place removes what the backup does not have",
              precious.native(), directory.native()),
          {"move it elsewhere first, or restore into an empty directory"});
    }
  }
}

// A copy of a cluster's directory has the links of the original, which lead to what that one uses.
void CheckLinks(const RestorePlan& plan, const RestoreOptions& options) {
  if (options.replaces_source) return;
  const auto refuse = [&](const base::Path& link, std::string hint) {
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("{} is a link to {}, which may belong to the running source",
                    (plan.to / link).native(), fs::read_symlink(plan.to / link).native()),
        {std::move(hint), fmt::format("if {} is the source's own directory, say --replaces-source",
                                      plan.to.native())});
  };
  if (fs::is_symlink(plan.to / "pg_wal"))
    refuse("pg_wal", "in a copy of the source's directory, make it a directory");
  for (const auto& [oid, directory] : plan.tablespaces) {
    const base::Path link = base::Path("pg_tblspc") / std::to_string(oid);
    const bool asked = std::ranges::any_of(
        options.tablespaces,
        [&, &place = directory](const auto& t) { return t.second.lexically_normal() == place; });
    if (!asked && fs::is_symlink(plan.to / link))
      refuse(link, fmt::format("if it is this directory's own, name it: --tablespace {}={}", oid,
                               directory.native()));
  }
}

}  // namespace

void CheckMayBeCleared(const RestorePlan& plan, const RestoreOptions& options) {
  CheckLinks(plan, options);
  CheckPrecious(plan, options);
}

void LookAtOldCluster(const repo::Repository& repository, wal::Archive& archive, RestorePlan& plan,
                      std::map<base::Path, std::uint64_t>& bytes) {
  constexpr std::size_t kMaxNamed = 20;
  const OldCluster old(repository, plan);
  AtDestination([&] {
    old.RequireNoStrangeTablespace();
    old.ForEachStranger([&](const base::Path& place) {
      ++plan.strangers;
      if (plan.first_strangers.size() < kMaxNamed) plan.first_strangers.push_back(place.native());
    });
    for (const auto& [directory, there] : old.Bytes())
      bytes[directory] -= std::min(bytes[directory], there);
  });
  plan.unarchived_wal = UnarchivedWal(archive, plan.facts, plan.to / "pg_wal");
  if (plan.unarchived_wal.empty()) return;
  plan.warnings.push_back(
      fmt::format("{}/pg_wal has WAL that is not in the archive, and that recovery will not see: "
                  "{}. To restore up to its end, `holdfast wal push --source {} {}/pg_wal/{}` each "
                  "of them first; a restore puts them aside in pg_wal/{}",
                  plan.to.native(), fmt::join(plan.unarchived_wal, ", "), plan.backup.id.source,
                  plan.to.native(), plan.unarchived_wal.front(), kKeptWalFolder));
}

std::vector<std::string> ClearOldCluster(const repo::Repository& repository,
                                         const RestorePlan& plan, base::Reporter& report) {
  wal::Archive archive(repository, plan.backup.id.source);
  const base::Path pg_wal = plan.to / "pg_wal";
  const OldCluster old(repository, plan);
  std::uint64_t kept = 0;
  AtDestination([&] {
    old.RequireNoStrangeTablespace();
    kept = PutWalAside(plan.facts, pg_wal);
    old.RemoveStrangers();
  });
  if (kept > 0) {
    report.Note(
        fmt::format("the WAL that was there is put aside in {}: remove it once the restored "
                    "server is what it is to be",
                    (pg_wal / kKeptWalFolder).native()));
  }
  const std::vector<std::string> unarchived = UnarchivedWal(archive, plan.facts, pg_wal);
  if (unarchived.empty()) return {};
  return {fmt::format("WAL that is not in the archive was put aside, in {}: {}", pg_wal.native(),
                      fmt::join(unarchived, ", "))};
}

}  // namespace holdfast::restore
