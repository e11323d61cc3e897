#include "cli/forget_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/counted.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

using upkeep::ForgetResult;
using upkeep::ForgetSeries;
using upkeep::ForgetVerdict;

nlohmann::json VerdictJson(Session& session, const ForgetVerdict& verdict) {
  return {{"id", verdict.backup.id.ToString()},
          {"finished_at", session.TimeText(verdict.backup.facts.finished)},
          {"forgotten", verdict.forgotten},
          {"reasons", verdict.reasons},
          {"flaw", verdict.flaw.empty() ? nlohmann::json() : nlohmann::json(verdict.flaw)}};
}

nlohmann::json SeriesJson(Session& session, const ForgetSeries& series) {
  nlohmann::json backups = nlohmann::json::array();
  for (const ForgetVerdict& verdict : series.backups)
    backups.push_back(VerdictJson(session, verdict));
  return {
      {"source", series.source},
      {"kind", series.kind},
      {"policy", series.policy.empty() ? nlohmann::json() : nlohmann::json(series.policy)},
      {"backups", std::move(backups)},
      {"warnings", series.warnings},
      {"refusal", series.refusal ? nlohmann::json(series.refusal->message()) : nlohmann::json()}};
}

void PrintSeries(Session& session, const ForgetSeries& series) {
  session.out() << Printable(fmt::format("{}, kind {}, {}", series.source, series.kind,
                                         series.policy.empty() ? "no policy" : series.policy))
                << '\n';
  Table table({{"BACKUP"}, {"FINISHED"}, {"FATE"}, {"WHY"}});
  for (const ForgetVerdict& verdict : series.backups)
    table.Add({verdict.backup.id.ToString(), session.TimeForPeople(verdict.backup.facts.finished),
               verdict.forgotten ? "forget" : "keep", WhyText(verdict)});
  table.Print(session.out());
  session.out() << '\n';
}

}  // namespace

std::string WhyText(const ForgetVerdict& verdict) {
  std::string text = fmt::format("{}", fmt::join(verdict.reasons, ", "));
  if (verdict.flaw.empty()) return text;
  return fmt::format("{}{}not good: {}", text, text.empty() ? "" : "; ", verdict.flaw);
}

nlohmann::json ForgetJson(Session& session, const ForgetReport& report,
                          const ForgetResult& result) {
  nlohmann::json series = nlohmann::json::array();
  for (const ForgetSeries& one : result.series) series.push_back(SeriesJson(session, one));
  nlohmann::json unreadable = nlohmann::json::array();
  for (const upkeep::UnreadableBackup& backup : result.unreadable)
    unreadable.push_back({{"id", backup.id.ToString()}, {"problem", backup.problem}});
  nlohmann::json forgotten = nlohmann::json::array();
  for (const repo::BackupId& id : result.forgotten) forgotten.push_back(id.ToString());
  return {{"repository", report.repository},
          {"dry_run", report.dry_run},
          {"series", std::move(series)},
          {"unreadable", std::move(unreadable)},
          {"forgotten", std::move(forgotten)}};
}

void PrintForget(Session& session, const ForgetReport& report, const ForgetResult& result) {
  std::size_t backups = result.forgotten.size();
  if (report.by_policy) {
    backups = 0;
    for (const ForgetSeries& series : result.series) {
      PrintSeries(session, series);
      backups += series.backups.size();
    }
    session.out() << fmt::format("{} of {} ", result.forgotten.size(),
                                 base::Counted(backups, "backup"));
  } else {
    for (const repo::BackupId& id : result.forgotten) session.out() << id.ToString() << '\n';
    session.out() << base::Counted(backups, "backup") << ' ';
  }
  session.out() << (report.dry_run ? "would be forgotten\n" : "forgotten\n");
  if (!report.dry_run && !result.forgotten.empty())
    session.reporter().Note(
        "`holdfast prune` deletes what nothing else needs, a day later at the earliest");
}

}  // namespace holdfast::cli
