#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/size_text.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/receiver_file.h"
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

int Status(Session& session, const std::string& source) {
  const repo::Repository repository = OpenRepository(session, RepositoryForSource(session, source));
  RequireKnownSource(session, repository.storage(), source);
  wal::Archive archive(repository, source);
  const std::vector<SystemReport> reports = ReportOnWal(archive);
  const nlohmann::json receiver = ReadReceiverFile(StreamStateFile(session, source));
  std::vector<std::string> problems;
  for (const SystemReport& report : reports)
    problems.insert(problems.end(), report.problems.begin(), report.problems.end());
  if (!receiver.is_null() && !receiver.value("problem", "").empty())
    problems.push_back("receiver: " + receiver.value("problem", ""));
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
