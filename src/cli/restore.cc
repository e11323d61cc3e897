#include "restore/restore.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>

#include "base/counted.h"
#include "base/size_text.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/option_values.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/source_places.h"
#include "cli/table.h"
#include "cli/tablespace_words.h"
#include "wal/flush.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string source;
  std::string to;
  std::string backup;
  std::string at;
  std::string lsn;
  std::string xid;
  std::string name;
  bool immediate = false;
  std::string timeline = "latest";
  bool exclusive = false;
  restore::TargetAction action = restore::TargetAction::kPromote;
  std::vector<std::string> tablespaces;
  unsigned jobs = 0;
  bool dry_run = false;
  bool in_place = false;
  bool trust_history = false;
  bool allow_damaged = false;
  bool replaces_source = false;
};

template <typename Number>
Number ParseNumber(std::string_view what, std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0)
    throw base::Error(base::ErrorKind::kUsage, fmt::format("{} \"{}\" is no number", what, text),
                      {"it is a whole number from 1, as PostgreSQL shows it"});
  return number;
}

restore::RecoveryTarget TargetOf(Session& session, const Options& options) {
  if (!options.at.empty())
    return restore::TimeTarget{base::ParseTime(options.at, session.config().timezone)};
  if (!options.lsn.empty()) {
    const auto lsn = pg::TryParseLsn(options.lsn);
    if (!lsn || !lsn->IsValid())
      throw base::Error(base::ErrorKind::kUsage, fmt::format("\"{}\" is no LSN", options.lsn),
                        {"an LSN looks like 16/B374D848"});
    return restore::LsnTarget{*lsn};
  }
  if (!options.xid.empty())
    return restore::XidTarget{ParseNumber<std::uint64_t>("transaction", options.xid)};
  if (!options.name.empty()) return restore::NameTarget{options.name};
  if (options.immediate) return restore::ImmediateTarget{};
  return restore::LatestTarget{};
}

restore::TargetOptions TargetOptionsOf(Session& session, const Options& options) {
  restore::TargetOptions target;
  target.target = TargetOf(session, options);
  if (options.timeline != "latest")
    target.timeline = pg::TimelineId(ParseNumber<std::uint32_t>("timeline", options.timeline));
  target.exclusive = options.exclusive;
  target.action = options.action;
  return target;
}

// For a shell, which recovery runs it with.
std::string ShellQuoted(std::string_view word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// Everything that recovery needs to find the repository again, and nothing secret. What
// PostgreSQL's configuration wants doubled (quotes, %) is doubled where it is written.
std::string FetchCommand(Session& session, const std::string& source, const Place& place) {
  std::string command = ShellQuoted(session.invocation().program.string());
  if (session.config().file) {
    command +=
        " --config " + ShellQuoted(std::filesystem::absolute(*session.config().file).string());
  }
  if (!session.options().repository.empty() || place.is_copy)
    command += " --repository " + ShellQuoted(place.repository->name);
  command += " wal fetch --source " + ShellQuoted(source);
  return command;
}

bool EndsAtAGap(const restore::RestorePlan& plan) {
  return plan.gap && std::holds_alternative<restore::LatestTarget>(plan.target.target);
}

// Null unless it is why recovery does not get further.
nlohmann::json GapJson(const restore::RestorePlan& plan) {
  if (!EndsAtAGap(plan)) return nullptr;
  return {{"from_lsn", pg::FormatLsn(plan.gap->gap.start)},
          {"to_lsn", pg::FormatLsn(plan.gap->gap.end)},
          {"missing", plan.gap->gap.ToString(plan.facts.wal_segment_size)},
          {"behind_to_lsn", pg::FormatLsn(plan.gap->behind_to)}};
}

nlohmann::json PlanJson(Session& session, const restore::RestorePlan& plan) {
  nlohmann::json tablespaces = nlohmann::json::object();
  for (const auto& [oid, path] : plan.tablespaces) tablespaces[std::to_string(oid)] = path.string();
  return {{"backup", plan.backup.id.ToString()},
          {"system_identifier", std::to_string(plan.facts.system.value())},
          {"timeline", plan.target_timeline.value()},
          {"wal_end", pg::FormatLsn(plan.wal_end)},
          {"last_commit", plan.last_commit ? nlohmann::json(session.TimeText(*plan.last_commit))
                                           : nlohmann::json()},
          {"gap", GapJson(plan)},
          {"to", plan.to.string()},
          {"tablespaces", std::move(tablespaces)},
          {"files", plan.files},
          {"bytes", plan.bytes},
          {"in_place", plan.in_place},
          {"removed", plan.strangers},
          {"removed_first", plan.first_strangers},
          {"unarchived_wal", plan.unarchived_wal},
          {"packs", plan.packs},
          {"warnings", plan.warnings}};
}

void PrintPlan(Session& session, const restore::RestorePlan& plan) {
  std::ostream& out = session.out();
  out << Printable(fmt::format("backup      {}", plan.backup.id.ToString())) << '\n'
      << Printable(fmt::format("to          {}", plan.to.string())) << '\n'
      << fmt::format("write       {}, {}\n", base::Counted(plan.files, "file"),
                     base::FormatBytes(plan.bytes))
      << fmt::format("cluster     {}, PostgreSQL {}\n", plan.facts.system.value(),
                     plan.facts.server_version / 10000)
      << fmt::format("timeline    {}\n", plan.target_timeline.value());
  out << fmt::format("WAL up to   {}\n", pg::FormatLsn(plan.wal_end));
  if (plan.last_commit)
    out << fmt::format("last commit {}\n", session.TimeForPeople(*plan.last_commit));
  for (const auto& [oid, path] : plan.tablespaces)
    out << Printable(fmt::format("tablespace  {} to {}", oid, path.string())) << '\n';
  if (!plan.in_place) return;
  out << "in place    only what differs is written\n";
  for (const std::string& stranger : plan.first_strangers)
    out << Printable(fmt::format("remove      {}", stranger)) << '\n';
  if (plan.strangers > plan.first_strangers.size()) {
    out << fmt::format("remove      {} more files and folders that the backup does not have\n",
                       plan.strangers - plan.first_strangers.size());
  }
}

std::string WrittenText(const restore::RestorePlan& plan, const restore::RestoreResult& result) {
  if (!plan.in_place) return base::FormatBytes(result.bytes_written);
  return fmt::format("{} written, {} were right already", base::FormatBytes(result.bytes_written),
                     base::FormatBytes(result.bytes_kept));
}

std::string LostText(const restore::LostContent& lost) {
  if (lost.pages.empty()) return fmt::format("{} is lost, and left out", lost.path);
  std::vector<std::string> blocks;
  for (const restore::LostPages& pages : lost.pages) {
    blocks.push_back(pages.count == 1
                         ? fmt::format("{}", pages.first)
                         : fmt::format("{} to {}", pages.first, pages.first + pages.count - 1));
  }
  return fmt::format("{} has lost what is zeros now, block {}", lost.path, fmt::join(blocks, ", "));
}

nlohmann::json LostJson(const std::vector<restore::LostContent>& all) {
  nlohmann::json files = nlohmann::json::array();
  for (const restore::LostContent& lost : all) {
    nlohmann::json blocks = nlohmann::json::array();
    for (const restore::LostPages& pages : lost.pages)
      blocks.push_back({{"first", pages.first}, {"count", pages.count}});
    files.push_back({{"path", lost.path}, {"blocks", std::move(blocks)}});
  }
  return files;
}

std::vector<std::string> WarningsOf(const restore::RestoreResult& result) {
  std::vector<std::string> warnings = result.warnings;
  for (const restore::LostContent& lost : result.lost) warnings.push_back(LostText(lost));
  if (!result.lost.empty()) {
    warnings.emplace_back(
        "PostgreSQL takes a page of zeros for an empty one and does not complain: take the tables "
        "that were hit from another backup, and REINDEX; if recovery ends with references to "
        "invalid pages, start it once with -c ignore_invalid_pages=on");
  }
  return warnings;
}

int Execute(Session& session, const repo::Repository& repository, const Place& place,
            const restore::RestorePlan& plan, const restore::RestoreOptions& restoring) {
  const restore::RestoreResult result =
      restore::ExecuteRestore(repository, plan, restoring, session.reporter(), session.stop());
  const std::vector<std::string> warnings = WarningsOf(result);
  for (const std::string& warning : warnings) session.reporter().Warn(warning);
  if (session.json()) {
    nlohmann::json object = PlanJson(session, plan);
    object["repository"] = place.repository->name;
    object["dry_run"] = false;
    object["files"] = result.files;
    object["bytes_written"] = result.bytes_written;
    object["bytes_kept"] = result.bytes_kept;
    object["history_trusted"] = result.history_trusted;
    object["lost"] = LostJson(result.lost);
    for (const std::string& warning : warnings) object["warnings"].push_back(warning);
    session.PrintJson(object);
  } else {
    session.out() << Printable(fmt::format(
                         "restored {} to {}: {}, {}; start PostgreSQL there to recover",
                         plan.backup.id.ToString(), plan.to.string(),
                         base::Counted(result.files, "file"), WrittenText(plan, result)))
                  << '\n';
  }
  if (!result.lost.empty()) return ToInt(ExitCode::kCorrupt);
  const bool warned = !warnings.empty() || !plan.warnings.empty();
  return ToInt(warned ? ExitCode::kAttention : ExitCode::kDone);
}

// "Latest" is as far as the repository knows. A receiver that died here may have left newer WAL.
void WarnOfSpool(Session& session, const std::string& source, restore::RestorePlan& plan) {
  try {
    const auto spooled = wal::LookIntoSpool(SpoolDirectory(session, source));
    if (!spooled || spooled->system != plan.facts.system || spooled->end <= plan.wal_end) return;
    plan.warnings.push_back(
        fmt::format("the spool on this host has WAL up to {}, which is not in the repository and "
                    "not part of this restore: `holdfast wal flush {}` brings it in",
                    pg::FormatLsn(spooled->end), source));
  } catch (const std::exception& error) {
    plan.warnings.push_back(fmt::format(
        "whether the spool on this host has newer WAL cannot be told: {}", error.what()));
  }
}

restore::RestoreOptions RestoreOptionsOf(Session& session, const Options& options,
                                         const repo::Repository& repository, const Place& place) {
  const base::Path& here = session.invocation().working_directory;
  restore::RestoreOptions restoring;
  restoring.source = options.source;
  restoring.to = (here / options.to).lexically_normal();
  if (!options.backup.empty()) {
    const bool full_id = options.backup.find('/') != std::string::npos;
    restoring.backup = repo::ResolveBackup(
        repository, full_id ? options.backup : options.source + "/" + options.backup);
  }
  restoring.in_place = options.in_place;
  restoring.trust_history = options.trust_history;
  restoring.precious = PreciousPlaces(session);
  restoring.target = TargetOptionsOf(session, options);
  restoring.tablespaces = TablespacesIn(options.tablespaces, here);
  if (options.jobs > 0) restoring.jobs = static_cast<int>(options.jobs);
  restoring.allow_damaged = options.allow_damaged;
  restoring.replaces_source = options.replaces_source;
  restoring.fetch_command = FetchCommand(session, options.source, place);
  restoring.time_zone = session.config().timezone;
  restoring.others = OthersThan(session, options.source, place);
  return restoring;
}

// Recovery runs `wal fetch` itself, in the server's environment.
void TellOfEnvironment(Session& session, restore::RestorePlan& plan) {
  if (session.config().file) return;
  plan.warnings.emplace_back(
      "there is no configuration file: the server that recovers needs the same HOLDFAST_ variables "
      "in its environment, or a restore_command with --config");
}

// A copy may end before what was lost: never silently.
void TellOfCopy(Session& session, const Place& place, restore::RestorePlan& plan) {
  if (!place.is_copy) return;
  const std::string last =
      plan.last_commit ? ", its last commit is of " + session.TimeForPeople(*plan.last_commit) : "";
  plan.warnings.push_back(fmt::format(
      "this restore is from the copy in {}: its WAL ends at {}{}; what the source's own repository "
      "may hold beyond that is not part of it",
      place.repository->name, pg::FormatLsn(plan.wal_end), last));
}

// How far recovery would get from there; empty where that cannot be told, or it is another
// timeline.
std::optional<pg::Lsn> ReachOf(Session& session, const Options& options, const Place& place,
                               pg::TimelineId timeline) {
  try {
    const repo::Repository repository = OpenPlace(session, *place.repository);
    base::NullReporter silent;
    const restore::RestorePlan plan = restore::PlanRestore(
        repository, RestoreOptionsOf(session, options, repository, place), silent);
    if (plan.target_timeline == timeline) return plan.wal_end;
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::kCancelled) throw;
  }
  return std::nullopt;
}

// The latest moment is not in front of a gap when another repository lacks no WAL there.
void LeaveToWhoReachesFurther(Session& session, const Options& options, const Place& place,
                              const restore::RestorePlan& plan) {
  if (!EndsAtAGap(plan)) return;
  std::vector<std::pair<pg::Lsn, const config::Repository*>> further;
  for (const config::Repository* other : PlacesOf(session, options.source)) {
    if (std::ranges::find(place.tried, other) != place.tried.end()) continue;
    const auto reach =
        ReachOf(session, options, {.repository = other, .is_copy = true}, plan.target_timeline);
    if (reach && *reach > plan.wal_end) further.emplace_back(*reach, other);
  }
  if (further.empty()) return;
  std::ranges::stable_sort(further, std::greater<>(),
                           [](const auto& found) { return found.first; });
  std::vector<const config::Repository*> places;
  places.reserve(further.size());
  for (const auto& [reach, other] : further) places.push_back(other);
  std::string why = fmt::format("its WAL has a gap at {}, and that in {} goes on to {}",
                                pg::FormatLsn(plan.wal_end), places.front()->name,
                                pg::FormatLsn(further.front().first));
  throw BetterElsewhere(std::move(why), std::move(places));
}

int RestoreFrom(Session& session, const Options& options, const Place& place) {
  const repo::Repository repository = OpenPlace(session, *place.repository);
  const restore::RestoreOptions restoring = RestoreOptionsOf(session, options, repository, place);
  restore::RestorePlan plan = restore::PlanRestore(repository, restoring, session.reporter());
  LeaveToWhoReachesFurther(session, options, place, plan);
  if (std::holds_alternative<restore::LatestTarget>(restoring.target.target))
    WarnOfSpool(session, options.source, plan);
  TellOfCopy(session, place, plan);
  TellOfEnvironment(session, plan);
  for (const std::string& warning : plan.warnings) session.reporter().Warn(warning);
  // These were said when they were found.
  plan.warnings.insert(plan.warnings.begin(), plan.told.begin(), plan.told.end());
  plan.warnings.insert(plan.warnings.begin(), place.passed_over.begin(), place.passed_over.end());
  if (!options.dry_run) return Execute(session, repository, place, plan, restoring);
  if (session.json()) {
    nlohmann::json object = PlanJson(session, plan);
    object["repository"] = place.repository->name;
    object["dry_run"] = true;
    session.PrintJson(object);
  } else {
    PrintPlan(session, plan);
  }
  return ToInt(plan.warnings.empty() ? ExitCode::kDone : ExitCode::kAttention);
}

int Restore(Session& session, const Options& options) {
  return AtFirstGoodPlace(session, {.source = options.source, .done = "restored"},
                          [&](const Place& place) { return RestoreFrom(session, options, place); });
}

// At most one of them: where recovery is to stop.
void AddTargetOptions(CLI::App& app, Options& options) {
  std::vector<CLI::Option*> targets = {
      app.add_option("--at", options.at, "Up to this time")->type_name("TIME"),
      app.add_option("--lsn", options.lsn, "Up to this position in the log")->type_name("LSN"),
      app.add_option("--xid", options.xid, "Up to this transaction")->type_name("XID"),
      app.add_option("--name", options.name, "Up to this named restore point")->type_name("NAME"),
      app.add_flag("--immediate", options.immediate, "Only as far as the backup needs")};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    for (std::size_t j = i + 1; j < targets.size(); ++j) targets[i]->excludes(targets[j]);
  }
  app.add_option("--timeline", options.timeline, "Timeline to follow: a number, or latest")
      ->type_name("TIMELINE");
  app.add_flag("--exclusive", options.exclusive, "Stop just before the target");
  const std::vector<std::pair<std::string, restore::TargetAction>> actions = {
      {"pause", restore::TargetAction::kPause},
      {"promote", restore::TargetAction::kPromote},
      {"shutdown", restore::TargetAction::kShutdown}};
  TakesChoice(app.add_option("--action", options.action, "What to do at the target"), actions)
      ->default_str("promote");
}

}  // namespace

Command RestoreCommand() {
  return {
      .path = "restore",
      .purpose = "Restore a cluster, to the latest moment or any other one",
      .example =
          "holdfast restore shop --to /var/lib/postgresql/restored --at '2026-11-21 "
          "16:00:03'",
      .declare = [](CLI::App& app) -> Action {
        const auto options = std::make_shared<Options>();
        app.add_option("SOURCE", options->source, "Source to restore")->required();
        app.add_option("--to", options->to, "New or empty directory")->type_name("DIR")->required();
        AddTargetOptions(app, *options);
        app.add_option("--backup", options->backup,
                       "Backup to start from (default: the best one for the target)")
            ->type_name("ID");
        AddTablespaceOption(app, options->tablespaces);
        TakesNumber(app.add_option("--jobs", options->jobs, "Parallel writers"), 1, 64)
            ->default_str("4");
        CLI::Option* in_place =
            app.add_flag("--in-place", options->in_place,
                         "DIR is the stopped cluster's own: fetch and write only what differs");
        app.add_flag("--allow-damaged", options->allow_damaged,
                     "Restore what is not lost, name what is, and exit with 6; lost pages become "
                     "zeros")
            ->excludes(in_place);
        app.add_flag("--trust-history", options->trust_history,
                     "With --in-place: read only the pages that WAL says were changed since the "
                     "backup; not where files were changed without a server")
            ->needs(in_place);
        app.add_flag("--replaces-source", options->replaces_source,
                     "Keep archiving and standby settings: it takes the source's place");
        app.add_flag("--dry-run", options->dry_run, "Check everything, write nothing");
        return [options](Session& session) { return Restore(session, *options); };
      }};
}

}  // namespace holdfast::cli
