#include "upkeep/usage.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/open_storage.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/usage_report.h"
#include "repo/repository.h"
#include "storage/open.h"

namespace holdfast::cli {
namespace {

constexpr int kJobs = 8;

void KeepOnly(const std::string& source, upkeep::Usage& usage) {
  if (source.empty()) return;
  std::erase_if(usage.sources, [&](const upkeep::SourceUsage& of) { return of.source != source; });
  if (usage.sources.empty())
    throw base::Error(base::ErrorKind::kNotFound,
                      fmt::format("there is nothing of {} in this repository", source),
                      {"holdfast usage shows all sources"});
}

// What copied backups recorded was asked of another store.
void LeaveOutCopied(Session& session, const config::Repository& settings,
                    RequestsBySource& requests) {
  for (const config::Source& source : session.config().sources) {
    if (&session.config().RepositoryNamed(source.repository) != &settings)
      requests.erase(source.name);
  }
}

// The records are sealed; sizes are not.
std::optional<RequestsBySource> RequestsIn(Session& session, const config::Repository& settings) {
  if (!storage::IsS3(settings.url)) return std::nullopt;
  try {
    RequestsBySource requests =
        RequestsOfLastMonth(OpenRepository(session, settings), session.clock().Now());
    LeaveOutCopied(session, settings, requests);
    return requests;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kUsage) throw;
    session.reporter().Note("requests are not shown: " + error.message());
    return std::nullopt;
  }
}

int ShowUsage(Session& session, const std::string& source) {
  const config::Repository& settings =
      source.empty() ? ChooseRepository(session, nullptr) : RepositoryForSource(session, source);
  // No key: sizes, names and what backups need stand in clear.
  const std::unique_ptr<storage::Storage> storage = OpenStorage(session, settings, false);
  upkeep::Usage usage = base::WithContext(
      [&] { return Describe(settings); },
      [&] {
        (void)repo::ReadConfig(*storage);  // what a newer format has cannot be measured
        return upkeep::MeasureUsage(*storage, session.clock().Now(), kJobs, session.stop());
      });
  UsageReport report{.repository = settings,
                     .usage = std::move(usage),
                     .requests = RequestsIn(session, settings),
                     .log_requests = {}};
  report.log_requests = EstimateLogRequests(session.config(), settings, report.usage);
  KeepOnly(source, report.usage);
  if (session.json()) {
    session.PrintJson(UsageJson(session, report));
  } else {
    PrintUsage(session, report);
  }
  for (const std::string& backup : report.usage.unreadable)
    session.reporter().Warn("what it needs is not known: backup " + backup);
  for (const std::string& name : report.usage.unknown)
    session.reporter().Warn("not understood, and counted with the WAL: " + name);
  const bool whole = report.usage.unreadable.empty() && report.usage.unknown.empty();
  return ToInt(whole ? ExitCode::kDone : ExitCode::kAttention);
}

}  // namespace

Command UsageCommand() {
  return {.path = "usage",
          .purpose = "Show what sources, backups and WAL occupy, how it grows, and what it costs",
          .example =
              "holdfast usage\n"
              "  holdfast usage shop --json",
          .declare = [](CLI::App& app) -> Action {
            const auto source = std::make_shared<std::string>();
            app.add_option("SOURCE", *source, "Source (default: all)");
            return [source](Session& session) { return ShowUsage(session, *source); };
          }};
}

}  // namespace holdfast::cli
