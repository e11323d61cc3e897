#include "cli/forward_pushed.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/random.h"
#include "cli/commands.h"
#include "cli/log_forward.h"
#include "cli/open_repository.h"
#include "cli/source_access.h"
#include "cli/start_detached.h"

namespace holdfast::cli {
namespace {

//   <state>/forward/<source>/wanted   another text for each file that was pushed
//                           /lock     held by flock while a process forwards
class ForwardingState {
 public:
  ForwardingState(Session& session, const std::string& source)
      : folder_(session.config().state_directory / "forward" / source) {}

  void WantMore() const {
    base::MakeDirectories(folder_);
    base::WriteFileDurably(folder_ / "wanted", base::AsBytes(base::RandomHex(8)));
  }
  base::Bytes Wanted() const {
    return base::ReadFileIfExists(folder_ / "wanted").value_or(base::Bytes{});
  }
  // Empty when another forwards.
  std::optional<base::File> TryLock() const {
    base::File lock = base::File::Open(folder_ / "lock", O_RDWR | O_CREAT);
    if (::flock(lock.fd(), LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno == EWOULDBLOCK) return std::nullopt;
    throw base::SystemError(errno, fmt::format("cannot lock {}", lock.path().native()));
  }

 private:
  const base::Path folder_;
};

std::vector<LogForward> ForwardsOf(Session& session, const config::Source& source,
                                   const config::Repository& settings,
                                   const repo::Repository& from) {
  std::vector<LogForward> forwards;
  for (const config::Copy& copy : source.copies) {
    forwards.emplace_back(session, from,
                          CopyRequest{.from = &settings,
                                      .to = &session.config().RepositoryNamed(copy.repository),
                                      .source = source.name});
  }
  return forwards;
}

// One copy that cannot be had keeps nothing from another.
void ForwardOnce(Session& session, std::vector<LogForward>& forwards) {
  for (LogForward& forward : forwards) {
    std::string problem;
    try {
      problem = forward.Once(session.stop()).value_or("");
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kCancelled) throw;
      problem = error.message();
    }
    if (!problem.empty())
      session.reporter().Warn(fmt::format("WAL does not get to the copy in {}: {}",
                                          forward.request().to->name, problem));
  }
}

// Until nothing was pushed meanwhile. Whoever pushes after the last look finds the lock free, or
// this finds what it wanted after giving the lock back.
int Forward(Session& session, const std::string& name) {
  const config::Source& source = session.config().SourceNamed(name);
  const config::Repository& settings = session.config().RepositoryNamed(source.repository);
  const ForwardingState state(session, name);
  std::optional<base::Bytes> done;
  while (done != state.Wanted()) {
    const std::optional<base::File> lock = state.TryLock();
    if (!lock) break;
    const repo::Repository from = OpenRepository(session, settings);
    std::vector<LogForward> forwards = ForwardsOf(session, source, settings, from);
    while (done != state.Wanted()) {
      done = state.Wanted();
      ForwardOnce(session, forwards);
    }
  }
  return ToInt(ExitCode::kDone);
}

bool GoesToCopies(Session& session, const std::string& name) {
  if (!session.options().repository.empty()) return false;
  for (const config::Source& source : session.config().sources) {
    if (source.name == name) return source.wal == config::WalMode::kPush && !source.copies.empty();
  }
  return false;
}

}  // namespace

void StartForwarding(Session& session, const std::string& source) {
  try {
    if (!GoesToCopies(session, source)) return;
    ForwardingState(session, source).WantMore();
    std::vector<std::string> words = {"wal", "forward", source};
    if (session.config().file) {
      words.emplace_back("--config");
      words.push_back(std::filesystem::absolute(*session.config().file).string());
    }
    StartDetached(session.invocation().program, words);
  } catch (const std::exception& error) {
    session.reporter().Warn(fmt::format("WAL does not go to the copies: {}", error.what()));
  }
}

Command WalForwardCommand() {
  return {.path = "wal forward",
          .purpose = "Bring WAL that was pushed to the source's copies",
          .example = "holdfast wal forward shop",
          .declare = [](CLI::App& app) -> Action {
            const auto source = std::make_shared<std::string>();
            app.add_option("SOURCE", *source, "Source")->required();
            return [source](Session& session) { return Forward(session, *source); };
          },
          .hidden = true};
}

}  // namespace holdfast::cli
