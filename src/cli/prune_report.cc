#include "cli/prune_report.h"

#include <fmt/format.h>

#include "base/counted.h"
#include "base/size_text.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

using upkeep::Amount;
using upkeep::PrunedLog;
using upkeep::PruneResult;

nlohmann::json AmountJson(const Amount& amount) {
  return {{"objects", amount.objects}, {"bytes", amount.bytes}};
}

nlohmann::json LogJson(const PrunedLog& log) {
  return {{"source", log.place.source},
          {"system_identifier", std::to_string(log.place.system)},
          {"timeline", log.timeline},
          {"removed", AmountJson(log.removed)},
          {"condemned", AmountJson(log.condemned)},
          {"waiting", AmountJson(log.waiting)},
          {"kept", AmountJson(log.kept)}};
}

nlohmann::json PacksJson(const PruneResult& result) {
  return {{"removed", AmountJson(result.packs_removed)},
          {"condemned", AmountJson(result.packs_condemned)},
          {"waiting", AmountJson(result.packs_waiting)},
          {"kept", AmountJson(result.packs_kept)},
          {"spared", result.packs_spared}};
}

void PrintTable(std::ostream& out, const PruneResult& result) {
  using enum Table::Align;
  Table table({{"WHAT"},
               {"DELETED", kRight},
               {"CONDEMNED", kRight},
               {"WAITING", kRight},
               {"KEPT", kRight}});
  table.Add({"packs", AmountText(result.packs_removed), AmountText(result.packs_condemned),
             AmountText(result.packs_waiting), AmountText(result.packs_kept)});
  for (const PrunedLog& log : result.logs)
    table.Add({fmt::format("WAL of {}, cluster {}, timeline {}", log.place.source, log.place.system,
                           log.timeline),
               AmountText(log.removed), AmountText(log.condemned), AmountText(log.waiting),
               AmountText(log.kept)});
  table.Print(out);
}

void PrintBackups(std::ostream& out, const PruneResult& result) {
  for (const repo::BackupId& id : result.backups_removed)
    out << fmt::format("record of {}: deleted\n", id.ToString());
  for (const upkeep::KeptBackup& backup : result.backups_kept)
    out << Printable(
               fmt::format("{} was forgotten, and stays: {}", backup.id.ToString(), backup.why))
        << '\n';
}

}  // namespace

std::string AmountText(const Amount& amount) {
  if (amount.objects == 0) return "-";
  return fmt::format("{}, {}", amount.objects, base::FormatBytes(amount.bytes));
}

nlohmann::json PruneJson(Session& session, const PruneReport& report, const PruneResult& result) {
  nlohmann::json logs = nlohmann::json::array();
  for (const PrunedLog& log : result.logs) logs.push_back(LogJson(log));
  nlohmann::json removed = nlohmann::json::array();
  for (const repo::BackupId& id : result.backups_removed) removed.push_back(id.ToString());
  nlohmann::json kept = nlohmann::json::array();
  for (const upkeep::KeptBackup& backup : result.backups_kept)
    kept.push_back({{"id", backup.id.ToString()}, {"why", backup.why}});
  return {{"repository", report.repository},
          {"dry_run", report.dry_run},
          {"packs", PacksJson(result)},
          {"wal", std::move(logs)},
          {"backups_removed", std::move(removed)},
          {"backups_kept", std::move(kept)},
          {"leases_removed", result.leases_removed},
          {"pins_removed", result.pins_removed},
          {"lists_removed", result.lists_removed},
          {"leftovers_removed", result.leftovers_removed},
          {"next_due",
           result.next_due ? nlohmann::json(session.TimeText(*result.next_due)) : nlohmann::json()},
          {"notes", result.notes},
          {"warnings", result.warnings}};
}

void PrintPrune(Session& session, const PruneReport& report, const PruneResult& result) {
  PrintTable(session.out(), result);
  PrintBackups(session.out(), result);
  if (result.packs_spared > 0)
    session.out() << base::Counted(result.packs_spared,
                                   "pack was condemned and is needed again: it stays\n",
                                   "packs were condemned and are needed again: they stay\n");
  session.out() << (result.next_due ? fmt::format("the next deletion is due at {}\n",
                                                  session.TimeForPeople(*result.next_due))
                                    : std::string("no deletion is due\n"));
  if (report.dry_run) session.out() << "a dry run: nothing was deleted, nothing condemned\n";
}

}  // namespace holdfast::cli
