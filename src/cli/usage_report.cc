#include "cli/usage_report.h"

#include <fmt/format.h>

#include "base/counted.h"
#include "base/size_text.h"
#include "cli/open_storage.h"
#include "cli/prune_report.h"
#include "cli/requests_made.h"
#include "cli/table.h"
#include "pg/lsn.h"

namespace holdfast::cli {
namespace {

using upkeep::Amount;
using upkeep::BackupUsage;
using upkeep::LogUsage;
using upkeep::SourceUsage;
using upkeep::Usage;

nlohmann::json AmountJson(const Amount& amount) {
  return {{"objects", amount.objects}, {"bytes", amount.bytes}};
}

// Null: not known.
nlohmann::json AmountJson(const std::optional<Amount>& amount) {
  return amount ? AmountJson(*amount) : nlohmann::json();
}

nlohmann::json GrowthJson(const upkeep::Growth& growth) {
  return {{"bytes_7_days", growth.last_week}, {"bytes_30_days", growth.last_month}};
}

nlohmann::json BackupJson(Session& session, const BackupUsage& backup) {
  return {{"id", backup.id.ToString()},
          {"kind", backup.kind},
          {"stored_at", session.TimeText(backup.stored)},
          {"forgotten", backup.forgotten},
          {"packs", AmountJson(backup.packs)},
          {"unique", AmountJson(backup.unique)},
          {"shared_bytes", backup.unique ? nlohmann::json(backup.packs.bytes - backup.unique->bytes)
                                         : nlohmann::json()},
          {"record_bytes", backup.record},
          {"missing_packs", backup.missing_packs}};
}

nlohmann::json LogJson(Session& session, const LogUsage& log) {
  return {{"system_identifier", std::to_string(log.system)},
          {"timeline", log.timeline},
          {"from_lsn", pg::FormatLsn(pg::Lsn(log.start))},
          {"to_lsn", pg::FormatLsn(pg::Lsn(log.end))},
          {"oldest_at", session.TimeText(log.oldest)},
          {"newest_at", session.TimeText(log.newest)},
          {"objects", log.objects.objects},
          {"bytes", log.objects.bytes}};
}

// Of one source; null where it is not known.
nlohmann::json RequestsJson(const UsageReport& report, const std::string& source) {
  if (!report.requests) return nullptr;
  const auto found = report.requests->find(source);
  if (found == report.requests->end()) return nullptr;
  return {{"backups", found->second.backups},
          {"backups_that_tell_nothing", found->second.unrecorded},
          {"requests", catalog::ToJson(found->second.sum)}};
}

// Of one source; null where there is no WAL of the last 30 days, or no network.
nlohmann::json LogRequestsJson(const UsageReport& report, const std::string& source) {
  const auto found = report.log_requests.find(source);
  if (found == report.log_requests.end()) return nullptr;
  const LogRequests& requests = found->second;
  return {{"files", requests.files},
          {"put", requests.put},
          {"list", requests.list},
          {"get", requests.get},
          {"head", requests.head}};
}

nlohmann::json SourceJson(Session& session, const UsageReport& report, const SourceUsage& source) {
  nlohmann::json backups = nlohmann::json::array();
  for (const BackupUsage& backup : source.backups) backups.push_back(BackupJson(session, backup));
  nlohmann::json logs = nlohmann::json::array();
  for (const LogUsage& log : source.logs) logs.push_back(LogJson(session, log));
  return {{"source", source.source},
          {"packs", AmountJson(source.packs)},
          {"growth", GrowthJson(source.growth)},
          {"requests_of_backups_30_days", RequestsJson(report, source.source)},
          {"requests_of_wal_30_days_estimate", LogRequestsJson(report, source.source)},
          {"backups", std::move(backups)},
          {"wal", std::move(logs)}};
}

nlohmann::json CostJson(const std::optional<MonthlyCost>& cost) {
  if (!cost) return nullptr;
  return {{"currency", cost->currency},
          {"storage", cost->storage},
          {"requests", cost->requests ? nlohmann::json(*cost->requests) : nullptr},
          {"requests_of_wal_estimate",
           cost->log_requests ? nlohmann::json(*cost->log_requests) : nullptr},
          {"storage_next_month", cost->next_month ? nlohmann::json(*cost->next_month) : nullptr},
          {"whole_download", cost->whole_download}};
}

// Of RequestFacts or LogRequests.
template <typename Requests>
double CostOfRequests(const Requests& requests, const config::Prices& prices) {
  return static_cast<double>(requests.put + requests.list) / 1000 * prices.put +
         static_cast<double>(requests.get + requests.head) / 1000 * prices.get;
}

std::string Money(double amount, const std::string& currency) {
  return fmt::format("{:.2f} {}", amount, currency);
}

void PrintGrowth(std::ostream& out, const Usage& usage) {
  out << fmt::format("  stored lately  {} in 7 days, {} in 30 days, of what is still there\n",
                     base::FormatBytes(usage.growth.last_week),
                     base::FormatBytes(usage.growth.last_month));
  if (const auto month = upkeep::MonthlyGrowth(usage))
    out << fmt::format("  forecast       {} more in 30 days, when nothing is let go\n",
                       base::FormatBytes(*month));
}

void PrintCost(std::ostream& out, const UsageReport& report) {
  const auto cost = CostOf(report);
  if (!cost) return;
  out << fmt::format("  cost           {} a month for storage",
                     Money(cost->storage, cost->currency));
  if (cost->next_month)
    out << fmt::format(", {} in a month", Money(*cost->next_month, cost->currency));
  if (cost->requests)
    out << fmt::format("; {} for requests of backups", Money(*cost->requests, cost->currency));
  if (cost->log_requests)
    out << fmt::format(", about {} for those of WAL", Money(*cost->log_requests, cost->currency));
  out << fmt::format("; {} to download all of it once\n",
                     Money(cost->whole_download, cost->currency));
}

void PrintTotals(std::ostream& out, const UsageReport& report) {
  const Usage& usage = report.usage;
  const Amount other{.objects = usage.all.objects - usage.packs.objects - usage.log.objects,
                     .bytes = usage.all.bytes - usage.packs.bytes - usage.log.bytes};
  out << Printable(fmt::format("{}: {} in {}", Describe(report.repository),
                               base::FormatBytes(usage.all.bytes),
                               base::Counted(usage.all.objects, "object")))
      << '\n';
  out << fmt::format("  packs          {}\n", AmountText(usage.packs));
  if (usage.unneeded && usage.unneeded->objects > 0)
    out << fmt::format(
        "  of them idle   {}: no backup in the list needs them; prune lets them go\n",
        AmountText(*usage.unneeded));
  out << fmt::format("  WAL            {}\n", AmountText(usage.log));
  out << fmt::format("  records, keys  {}\n", AmountText(other));
  PrintGrowth(out, usage);
  PrintCost(out, report);
}

std::string NotesOf(const BackupUsage& backup) {
  std::string notes = backup.forgotten ? "forgotten" : "";
  if (backup.missing_packs > 0)
    notes += (notes.empty() ? "" : ", ") + base::Counted(backup.missing_packs, "pack") + " missing";
  return notes;
}

void PrintRequests(std::ostream& out, const UsageReport& report, const std::string& source) {
  if (!report.requests) return;
  const auto found = report.requests->find(source);
  if (found == report.requests->end()) return;
  out << fmt::format("  requests of {} in 30 days: {}\n",
                     base::Counted(found->second.backups, "backup"),
                     RequestsText(found->second.sum));
}

void PrintLogRequests(std::ostream& out, const UsageReport& report, const std::string& source) {
  const auto found = report.log_requests.find(source);
  if (found == report.log_requests.end()) return;
  out << fmt::format("  requests of WAL in 30 days, estimated from {}: {}\n",
                     base::Counted(found->second.files, "file"), LogRequestsText(found->second));
}

void PrintBackups(std::ostream& out, const SourceUsage& source) {
  using enum Table::Align;
  Table table({{"BACKUP"}, {"KIND"}, {"NEEDS", kRight}, {"ALONE", kRight}, {"NOTES"}});
  for (const BackupUsage& backup : source.backups)
    table.Add({backup.id.ToString(), backup.kind, base::FormatBytes(backup.packs.bytes),
               backup.unique ? base::FormatBytes(backup.unique->bytes) : "?", NotesOf(backup)});
  if (!table.empty()) table.Print(out);
}

void PrintLogs(Session& session, const SourceUsage& source) {
  using enum Table::Align;
  Table table({{"WAL OF CLUSTER"},
               {"TIMELINE", kRight},
               {"FROM"},
               {"TO"},
               {"SINCE"},
               {"FILES", kRight},
               {"SIZE", kRight}});
  for (const LogUsage& log : source.logs)
    table.Add({std::to_string(log.system), std::to_string(log.timeline),
               pg::FormatLsn(pg::Lsn(log.start)), pg::FormatLsn(pg::Lsn(log.end)),
               session.TimeForPeople(log.oldest), std::to_string(log.objects.objects),
               base::FormatBytes(log.objects.bytes)});
  if (!table.empty()) table.Print(session.out());
}

}  // namespace

std::optional<MonthlyCost> CostOf(const UsageReport& report) {
  const Usage& usage = report.usage;
  const std::optional<config::Prices>& prices = report.repository.prices;
  if (!prices) return std::nullopt;
  const auto of = [](std::uint64_t bytes, double price) {
    return static_cast<double>(bytes) / static_cast<double>(base::kGiB) * price;
  };
  MonthlyCost cost{.currency = prices->currency,
                   .storage = of(usage.all.bytes, prices->storage),
                   .requests = std::nullopt,
                   .log_requests = std::nullopt,
                   .next_month = std::nullopt,
                   .whole_download = of(usage.all.bytes, prices->download)};
  if (report.requests) {
    cost.requests = 0;
    for (const auto& [source, recorded] : *report.requests)
      *cost.requests += CostOfRequests(recorded.sum, *prices);
  }
  for (const auto& [source, requests] : report.log_requests)
    cost.log_requests = cost.log_requests.value_or(0) + CostOfRequests(requests, *prices);
  if (const auto growth = upkeep::MonthlyGrowth(usage))
    cost.next_month = of(usage.all.bytes + *growth, prices->storage);
  return cost;
}

nlohmann::json UsageJson(Session& session, const UsageReport& report) {
  const Usage& usage = report.usage;
  const auto growth = upkeep::MonthlyGrowth(usage);
  nlohmann::json sources = nlohmann::json::array();
  for (const SourceUsage& source : usage.sources)
    sources.push_back(SourceJson(session, report, source));
  return {{"repository", report.repository.name},
          {"all", AmountJson(usage.all)},
          {"packs", AmountJson(usage.packs)},
          {"packs_unneeded", AmountJson(usage.unneeded)},
          {"wal", AmountJson(usage.log)},
          {"growth", GrowthJson(usage.growth)},
          {"forecast_bytes_30_days", growth ? nlohmann::json(*growth) : nlohmann::json()},
          {"cost", CostJson(CostOf(report))},
          {"unreadable", usage.unreadable},
          {"unknown", usage.unknown},
          {"sources", std::move(sources)}};
}

void PrintUsage(Session& session, const UsageReport& report) {
  PrintTotals(session.out(), report);
  for (const SourceUsage& source : report.usage.sources) {
    session.out() << '\n'
                  << Printable(fmt::format("{}: {} of packs", source.source,
                                           base::FormatBytes(source.packs.bytes)))
                  << '\n';
    PrintRequests(session.out(), report, source.source);
    PrintLogRequests(session.out(), report, source.source);
    PrintBackups(session.out(), source);
    PrintLogs(session, source);
  }
}

}  // namespace holdfast::cli
