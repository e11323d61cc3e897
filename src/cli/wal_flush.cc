#include "wal/flush.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

nlohmann::json ToJson(const std::string& source, const wal::Flushed& flushed) {
  nlohmann::json object = {{"source", source},
                           {"segments", flushed.segments},
                           {"system_identifier", nlohmann::json()},
                           {"timeline", nlohmann::json()},
                           {"end_lsn", nlohmann::json()}};
  if (flushed.end) {
    object["system_identifier"] = std::to_string(flushed.end->system.value());
    object["timeline"] = flushed.end->timeline.value();
    object["end_lsn"] = pg::FormatLsn(flushed.end->end);
  }
  return object;
}

int Flush(Session& session, const std::string& source) {
  const repo::Repository repository = OpenRepository(session, RepositoryForSource(session, source));
  wal::Archive archive(repository, source);
  const wal::Flushed flushed = wal::FlushSpool(archive, SpoolDirectory(session, source),
                                               session.clock(), session.reporter());
  if (session.json()) {
    session.PrintJson(ToJson(source, flushed));
  } else if (flushed.end) {
    session.out() << Printable(fmt::format("WAL of {} up to {} on timeline {} is in the repository",
                                           source, pg::FormatLsn(flushed.end->end),
                                           flushed.end->timeline.value()))
                  << '\n';
  } else {
    session.out() << "the spool holds no WAL\n";
  }
  return ToInt(ExitCode::kDone);
}

}  // namespace

Command WalFlushCommand() {
  return {.path = "wal flush",
          .purpose = "Store what a receiver left behind on this host; needs no server",
          .example = "holdfast wal flush shop",
          .declare = [](CLI::App& app) -> Action {
            const auto source = std::make_shared<std::string>();
            app.add_option("SOURCE", *source, "Source whose receiver is no more")->required();
            return [source](Session& session) { return Flush(session, *source); };
          }};
}

}  // namespace holdfast::cli
