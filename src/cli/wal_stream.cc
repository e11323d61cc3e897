#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>

#include "cli/cluster_of_source.h"
#include "cli/commands.h"
#include "cli/copy_follower.h"
#include "cli/open_repository.h"
#include "cli/option_values.h"
#include "cli/receiver_file.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/state_publisher.h"
#include "wal/archive.h"
#include "wal/stream.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string source;
  wal::StreamMethod method = wal::StreamMethod::kAutomatic;
};

wal::StreamOptions StreamOptionsOf(Session& session, const config::Source& source,
                                   wal::StreamMethod method) {
  const auto milliseconds = [](base::Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
  };
  wal::StreamOptions stream;
  stream.connect = ConnectOptionsOf(session, source);
  stream.method = method;
  stream.slot_name = source.slot_name;
  stream.spool_directory = SpoolDirectory(session, source.name);
  stream.max_spool_bytes = source.spool_max;
  stream.poll_interval = milliseconds(source.wal_poll_interval);
  stream.tail_interval = milliseconds(source.tail_interval);
  return stream;
}

int Stream(Session& session, const Options& options) {
  const config::Source& source = ClusterNamed(session, options.source);
  const config::Repository& settings = ChooseRepository(session, &source);
  const repo::Repository repository = OpenRepository(session, settings);
  wal::Archive archive(repository, source.name);
  ReceiverFile file(StreamStateFile(session, source.name), session.clock());
  wal::StreamOptions stream = StreamOptionsOf(session, source, options.method);
  stream.expected_system = ClusterOf(repository, source.name);
  base::MakeDirectories(stream.spool_directory);
  StatePublisher publisher([&](const wal::StreamState& state) { file.Write(state); },
                           session.reporter());
  // Of what goes to another repository than the source's own there are no copies; and a key that
  // only adds cannot read what it would copy.
  std::optional<CopyFollower> copies;
  if (settings.name == session.config().RepositoryNamed(source.repository).name &&
      repository.access() == repo::KeyAccess::kEverything)
    copies.emplace(session, settings, repository, source);
  wal::StreamState last;
  try {
    wal::Stream(
        archive, stream, session.clock(), session.reporter(),
        [&](const wal::StreamState& state) {
          last = state;
          publisher.Show(state);
          if (copies) copies->Show(state);
        },
        session.stop());
  } catch (const base::Error& error) {
    last.problem = "it ended: " + error.message();
    publisher.Show(last);
    throw;
  }
  // Being told to stop is how a receiver ends.
  return ToInt(ExitCode::kDone);
}

}  // namespace

Command WalStreamCommand() {
  return {.path = "wal stream",
          .purpose = "Receive WAL as it is written, until told to stop",
          .example = "holdfast wal stream shop",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<Options>();
            const std::vector<std::pair<std::string, wal::StreamMethod>> methods = {
                {"auto", wal::StreamMethod::kAutomatic},
                {"replication", wal::StreamMethod::kReplication},
                {"sql", wal::StreamMethod::kSql}};
            app.add_option("SOURCE", options->source, "Source to receive from")->required();
            TakesChoice(
                app.add_option("--method", options->method,
                               "auto: the replication protocol, SQL where the server refuses it"),
                methods)
                ->default_str("auto");
            return [options](Session& session) { return Stream(session, *options); };
          }};
}

}  // namespace holdfast::cli
