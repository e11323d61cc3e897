#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "base/size_text.h"
#include "cli/archiver_state.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/receiver_file.h"
#include "cli/server_position.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/table.h"
#include "cli/wal_report.h"

namespace holdfast::cli {
namespace {

std::string Text(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "unknown";
}

void PrintForPeople(Session& session, const std::vector<SystemReport>& reports,
                    const nlohmann::json& receiver, const std::vector<std::string>& problems) {
  Table table({{"SYSTEM"},
               {"TIMELINE", Table::Align::kRight},
               {"FROM"},
               {"TO"},
               {"SIZE", Table::Align::kRight},
               {""}});
  for (const SystemReport& report : reports) {
    for (const wal::WalRange& range : report.inventory.ranges)
      table.Add({std::to_string(report.system.value()), std::to_string(range.timeline.value()),
                 pg::FormatLsn(range.start), pg::FormatLsn(range.end),
                 base::FormatBytes(range.end - range.start), range.open ? "open" : ""});
  }
  if (!table.empty()) table.Print(session.out());
  for (const SystemReport& report : reports) {
    for (const std::string& file : report.inventory.unread)
      session.out() << fmt::format("not looked into, as the key may only add: {}\n", file);
  }
  if (!receiver.is_null()) {
    session.out() << Printable(
                         fmt::format("receiver: {}, server at {}, here {}, in the repository {}",
                                     receiver.value("running", false) ? "running" : "not running",
                                     Text(receiver, "server_lsn"), Text(receiver, "spooled_lsn"),
                                     Text(receiver, "stored_lsn")))
                  << '\n';
  }
  for (const std::string& problem : problems)
    session.out() << "problem: " << Printable(problem) << '\n';
}

const SystemReport* ReportOf(const std::vector<SystemReport>& reports,
                             pg::SystemIdentifier system) {
  const auto found = std::ranges::find(reports, system, &SystemReport::system);
  return found == reports.end() ? nullptr : &*found;
}

// How far the archive reaches on the server's timeline, or on those before it.
std::optional<StoredWal> StoredOf(const SystemReport& report, pg::TimelineId timeline) {
  std::optional<StoredWal> stored;
  for (const wal::WalRange& range : report.inventory.ranges) {
    if (range.timeline > timeline || (stored && range.end <= stored->end)) continue;
    stored = StoredWal{.end = range.end, .segment_size = report.inventory.segment_size};
  }
  return stored;
}

// Of a server that can be asked: pushed WAL that does not come is missing nowhere in the archive.
std::optional<std::string> ArchiverProblem(Session& session, const std::string& name,
                                           wal::Archive& archive,
                                           const std::vector<SystemReport>& reports,
                                           const ServerPosition& server) {
  const config::Source& source = session.config().SourceNamed(name);
  const SystemReport* const report = ReportOf(reports, server.system);
  const ArchiverFacts facts =
      LookAtArchiver(session, source, server, archive,
                     report == nullptr ? std::nullopt : StoredOf(*report, server.timeline));
  const std::optional<Reason> reason = JudgeArchiver(source, facts);
  return reason ? std::optional(reason->text) : std::nullopt;
}

// Empty where it is not to be asked, and where it does not answer: then the archive alone is told.
std::optional<ServerPosition> AskPushingServer(Session& session, const std::string& name) {
  for (const config::Source& source : session.config().sources) {
    if (source.name != name || !IsPushed(source)) continue;
    try {
      return ReadServerPosition(ConnectOptionsOf(session, source), source.slot_name);
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kCancelled) throw;
    }
  }
  return std::nullopt;
}

int Status(Session& session, const std::string& source) {
  const repo::Repository repository = OpenRepository(session, RepositoryForSource(session, source));
  RequireKnownSource(session, repository.storage(), source);
  wal::Archive archive(repository, source);
  const std::optional<ServerPosition> server = AskPushingServer(session, source);
  const std::vector<SystemReport> reports = ReportOnWal(archive);
  const nlohmann::json receiver = ReadReceiverFile(StreamStateFile(session, source));
  std::vector<std::string> problems;
  for (const SystemReport& report : reports)
    problems.insert(problems.end(), report.problems.begin(), report.problems.end());
  if (!receiver.is_null() && !receiver.value("problem", "").empty())
    problems.push_back("receiver: " + receiver.value("problem", ""));
  if (server) {
    if (auto problem = ArchiverProblem(session, source, archive, reports, *server))
      problems.push_back(*std::move(problem));
  }
  if (reports.empty()) problems.emplace_back("the archive holds no WAL");
  if (session.json()) {
    nlohmann::json systems = nlohmann::json::array();
    for (const SystemReport& report : reports) systems.push_back(ToJson(archive, report));
    session.PrintJson({{"source", source},
                       {"systems", std::move(systems)},
                       {"receiver", receiver},
                       {"problems", problems}});
  } else {
    PrintForPeople(session, reports, receiver, problems);
  }
  return ToInt(problems.empty() ? ExitCode::kDone : ExitCode::kAttention);
}

}  // namespace

Command WalStatusCommand() {
  return {.path = "wal status",
          .purpose = "Show what the archive holds, what is missing, and how the receiver stands",
          .example = "holdfast wal status shop --json",
          .declare = [](CLI::App& app) -> Action {
            const auto source = std::make_shared<std::string>();
            app.add_option("SOURCE", *source, "Source")->required();
            return [source](Session& session) { return Status(session, *source); };
          }};
}

}  // namespace holdfast::cli
