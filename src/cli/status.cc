#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>

#include "base/size_text.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/source_status.h"
#include "cli/table.h"
#include "repo/snapshot.h"
#include "restore/reach.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string source;
  bool check = false;
};

// Those configured, and those that the default repository knows, where it can be asked: a
// configured source shows itself why it cannot.
std::vector<std::string> SourcesOf(Session& session, const std::string& named) {
  std::set<std::string> names;
  for (const config::Source& source : session.config().sources) names.insert(source.name);
  if (!named.empty()) {
    if (!names.contains(named)) {
      const repo::Repository repository =
          OpenRepository(session, RepositoryForSource(session, named));
      RequireKnownSource(session, repository.storage(), named);
    }
    return {named};
  }
  try {
    const repo::Repository repository = OpenRepository(session, ChooseRepository(session, nullptr));
    for (std::string& name : repo::ListSources(repository)) names.insert(std::move(name));
  } catch (const base::Error&) {
    if (names.empty()) throw;
  }
  return {names.begin(), names.end()};
}

nlohmann::json GapsJson(const ShownWindow& shown) {
  nlohmann::json gaps = nlohmann::json::array();
  for (const wal::Gap& gap : shown.window.gaps)
    gaps.push_back({{"from_lsn", pg::FormatLsn(gap.start)},
                    {"to_lsn", pg::FormatLsn(gap.end)},
                    {"missing", gap.ToString(shown.segment_size)}});
  return gaps;
}

nlohmann::json WindowJson(Session& session, const ShownWindow& shown) {
  const RecoveryWindow& window = shown.window;
  nlohmann::json stretches = nlohmann::json::array();
  for (const Stretch& stretch : window.stretches)
    stretches.push_back({{"from", session.TimeText(stretch.from_time)},
                         {"from_lsn", pg::FormatLsn(stretch.from)},
                         {"to_lsn", pg::FormatLsn(stretch.to)}});
  return {
      {"system_identifier", std::to_string(shown.system.value())},
      {"timeline", window.timeline.value()},
      {"from", session.TimeText(window.stretches.front().from_time)},
      {"to", shown.to_time ? nlohmann::json(session.TimeText(*shown.to_time)) : nlohmann::json()},
      {"from_lsn", pg::FormatLsn(window.stretches.front().from)},
      {"to_lsn", pg::FormatLsn(window.stretches.back().to)},
      {"stretches", std::move(stretches)},
      {"gaps", GapsJson(shown)}};
}

nlohmann::json RiskJson(const std::optional<AtRisk>& risk) {
  if (!risk) return nullptr;
  return {{"bytes", risk->bytes},
          {"seconds", risk->time ? nlohmann::json(static_cast<double>(risk->time->count()) / 1e6)
                                 : nlohmann::json()}};
}

nlohmann::json NewestJson(Session& session, const SourceFacts& facts) {
  if (!facts.newest) return nullptr;
  const base::Duration age = facts.now - facts.newest->finished;
  return {{"id", facts.newest->id},
          {"kind", facts.newest->kind},
          {"finished_at", session.TimeText(facts.newest->finished)},
          {"age_seconds", std::chrono::duration_cast<std::chrono::seconds>(age).count()}};
}

nlohmann::json CopyJson(Session& session, const CopyFacts& copy, base::Time now) {
  nlohmann::json newest;
  if (copy.newest)
    newest = {
        {"id", copy.newest->id},
        {"finished_at", session.TimeText(copy.newest->finished)},
        {"age_seconds",
         std::chrono::duration_cast<std::chrono::seconds>(now - copy.newest->finished).count()}};
  return {{"repository", copy.repository},
          {"problem", copy.problem.empty() ? nlohmann::json() : nlohmann::json(copy.problem)},
          {"backups", copy.backups},
          {"newest_backup", std::move(newest)},
          {"wal_to_lsn",
           copy.wal_end ? nlohmann::json(pg::FormatLsn(*copy.wal_end)) : nlohmann::json()},
          {"wal_problem",
           copy.forward_problem.empty() ? nlohmann::json() : nlohmann::json(copy.forward_problem)},
          {"wal_missing", copy.wal_gap.empty() ? nlohmann::json() : nlohmann::json(copy.wal_gap)}};
}

// Null for a source that is not configured: nobody knows where it should be.
nlohmann::json ThreeTwoOneJson(const SourceStatus& status) {
  if (status.places.empty()) return nullptr;
  const ThreeTwoOne count = CountCopies(status.places);
  nlohmann::json places = nlohmann::json::array();
  for (const HeldPlace& place : status.places) places.push_back(place.name);
  return {{"holds", count.holds()},
          {"copies", count.copies},
          {"media", count.media},
          {"elsewhere", count.elsewhere},
          {"places", std::move(places)}};
}

nlohmann::json StatusJson(Session& session, const SourceStatus& status) {
  nlohmann::json reasons = nlohmann::json::array();
  for (const Reason& reason : status.reasons)
    reasons.push_back({{"text", reason.text}, {"hint", reason.hint}});
  nlohmann::json windows = nlohmann::json::array();
  for (const ShownWindow& shown : status.windows) windows.push_back(WindowJson(session, shown));
  nlohmann::json damaged = nlohmann::json::array();
  for (const SourceFacts::Damaged& backup : status.facts.damaged)
    damaged.push_back({{"id", backup.id}, {"error", backup.text}});
  nlohmann::json incomplete = nlohmann::json::array();
  for (const SourceFacts::Damaged& backup : status.facts.incomplete)
    incomplete.push_back({{"id", backup.id}, {"error", backup.text}});
  nlohmann::json copies = nlohmann::json::array();
  for (const CopyFacts& copy : status.facts.copies)
    copies.push_back(CopyJson(session, copy, status.facts.now));
  return {{"source", status.source},
          {"state", ProtectionName(status.protection)},
          {"reasons", std::move(reasons)},
          {"newest_backup", NewestJson(session, status.facts)},
          {"backups", status.facts.backups},
          {"damaged_backups", std::move(damaged)},
          {"incomplete_backups", std::move(incomplete)},
          {"windows", std::move(windows)},
          {"at_risk", RiskJson(status.facts.at_risk)},
          {"receiver", status.receiver},
          {"receiver_connected", status.facts.receiver_connected
                                     ? nlohmann::json(*status.facts.receiver_connected)
                                     : nlohmann::json()},
          {"copies", std::move(copies)},
          {"three_two_one", ThreeTwoOneJson(status)}};
}

class People {
 public:
  People(Session& session, const SourceStatus& status) : session_(session), status_(status) {}

  void Print() {
    const SourceFacts& facts = status_.facts;
    session_.out() << Printable(
                          fmt::format("{}: {}", status_.source, ProtectionName(status_.protection)))
                   << '\n';
    if (facts.newest)
      Line("newest backup", fmt::format("{}, {} old; {} in all", facts.newest->id,
                                        Age(facts.now - facts.newest->finished), facts.backups));
    for (const ShownWindow& shown : status_.windows) PrintWindow(shown);
    if (facts.server_asked) Line("at risk", RiskText());
    if (const std::string text = ReceiverText(); !text.empty()) Line("receiver", text);
    for (const CopyFacts& copy : facts.copies) Line("copy in " + copy.repository, CopyText(copy));
    if (!status_.places.empty()) Line("copies", PlacesText());
    for (const Reason& reason : status_.reasons) {
      Line(ProtectionName(reason.severity), reason.text);
      Line("", "hint: " + reason.hint);
    }
  }

 private:
  // A backup made by a host whose clock is ahead is not older than nothing.
  static std::string Age(base::Duration age) {
    return base::FormatDuration(std::max(age, base::Duration(0)));
  }

  void Line(std::string_view title, std::string_view text) {
    session_.out() << Printable(fmt::format("  {:<14} {}", title, text)) << '\n';
  }

  // As --at takes them, which does not take the last commit itself.
  std::string Target(base::Time time) const {
    return base::FormatExactly(time, session_.config().timezone);
  }
  std::string LatestTarget(base::Time from, base::Time last_commit) const {
    const auto times = restore::TimesBetween(from, last_commit, false);
    return Target(times ? times->latest : last_commit);
  }

  void PrintWindow(const ShownWindow& shown) {
    const Stretch& first = shown.window.stretches.front();
    const pg::Lsn end = shown.window.stretches.back().to;
    Line(fmt::format("timeline {}", shown.window.timeline.value()),
         fmt::format("recoverable from {} to {} ({} to {})", Target(first.from_time),
                     shown.to_time          ? LatestTarget(first.from_time, *shown.to_time)
                     : shown.to_time_sealed ? "a time that a key which may only add cannot read"
                                            : "a time not known, no commit is near the end",
                     pg::FormatLsn(first.from), pg::FormatLsn(end)));
    for (const wal::Gap& gap : shown.window.gaps)
      Line("gap", "missing: " + gap.ToString(shown.segment_size));
  }

  std::string CopyText(const CopyFacts& copy) const {
    if (!copy.problem.empty()) return "unknown";
    if (!copy.newest) return "no backup";
    return fmt::format("{}, {} old; {} in all{}", copy.newest->id,
                       Age(status_.facts.now - copy.newest->finished), copy.backups,
                       copy.wal_end ? "; WAL up to " + pg::FormatLsn(*copy.wal_end) : "");
  }

  std::string PlacesText() const {
    std::vector<std::string> names;
    for (const HeldPlace& place : status_.places) names.push_back(place.name);
    return fmt::format("{} ({}); {}", names.size(), fmt::join(names, ", "),
                       ToText(CountCopies(status_.places)));
  }

  std::string ReceiverText() const {
    const std::optional<bool>& connected = status_.facts.receiver_connected;
    if (!status_.receiver.is_null() && status_.receiver.value("running", false)) return "running";
    if (connected.value_or(false)) return "running on another host";
    return status_.receiver.is_null() && !connected ? "" : "not running";
  }

  std::string RiskText() const {
    const std::optional<AtRisk>& risk = status_.facts.at_risk;
    if (!risk) return "unknown";
    if (risk->bytes == 0) return "nothing";
    return fmt::format("{}, {}", base::FormatBytes(risk->bytes),
                       risk->time ? base::FormatDuration(*risk->time) : "since when is unknown");
  }

  Session& session_;
  const SourceStatus& status_;
};

std::string OneLine(const std::vector<SourceStatus>& all, Protection worst) {
  std::vector<std::string> parts;
  for (const SourceStatus& status : all) {
    std::string part = fmt::format("{} {}", status.source, ProtectionName(status.protection));
    const auto reason = std::ranges::max_element(status.reasons, {}, &Reason::severity);
    if (reason != status.reasons.end()) part += ": " + reason->text;
    parts.push_back(std::move(part));
  }
  // '|' would begin performance data.
  std::string line =
      Printable(fmt::format("HOLDFAST {} - {}", NagiosWord(worst), fmt::join(parts, "; ")));
  std::ranges::replace(line, '|', '/');
  return line;
}

Protection WorstOf(const std::vector<SourceStatus>& all) {
  Protection worst = Protection::kProtected;
  for (const SourceStatus& status : all) worst = std::max(worst, status.protection);
  return worst;
}

int Status(Session& session, const Options& options) {
  std::vector<SourceStatus> all;
  for (const std::string& source : SourcesOf(session, options.source))
    all.push_back(StatusOf(session, source));
  if (all.empty()) throw NoSource();
  const Protection worst = WorstOf(all);
  if (session.json()) {
    nlohmann::json sources = nlohmann::json::array();
    for (const SourceStatus& status : all) sources.push_back(StatusJson(session, status));
    session.PrintJson({{"sources", std::move(sources)}});
  } else if (options.check) {
    session.out() << OneLine(all, worst) << '\n';
  } else {
    for (const SourceStatus& status : all) People(session, status).Print();
  }
  if (options.check) return NagiosCode(worst);
  return ToInt(worst == Protection::kProtected ? ExitCode::kDone : ExitCode::kAttention);
}

// A monitoring system takes 2 for critical; not knowing is 3.
int StatusForNagios(Session& session, const Options& options) {
  try {
    return Status(session, options);
  } catch (const base::Error& error) {
    session.out() << Printable(fmt::format("HOLDFAST UNKNOWN - {}", error.message())) << '\n';
    return NagiosCode(Protection::kUnknown);
  }
}

}  // namespace

Command StatusCommand() {
  return {.path = "status",
          .purpose = "Show what can be recovered, what is at risk, and what is wrong",
          .example = "holdfast status shop",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<Options>();
            app.add_option("SOURCE", options->source, "Source (default: all)");
            app.add_flag("--check", options->check,
                         "One line and the exit codes of a Nagios plugin: 0 ok, 1 warning, "
                         "2 critical, 3 unknown");
            return [options](Session& session) {
              return options->check ? StatusForNagios(session, *options)
                                    : Status(session, *options);
            };
          },
          .exit_codes =
              "Exit codes: 0 everything is protected; 1 something needs attention; 2 "
              "usage or\n  configuration; 3 no such source; 7 interrupted; 70 internal error; with "
              "--check those of Nagios"};
}

}  // namespace holdfast::cli
