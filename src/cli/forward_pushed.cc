#include "cli/forward_pushed.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/synchronized.h"
#include "cli/commands.h"
#include "cli/copy_queue.h"
#include "cli/log_forward.h"
#include "cli/open_repository.h"
#include "cli/source_access.h"
#include "cli/start_detached.h"

namespace holdfast::cli {
namespace {

// Brings what is in the queue, and all else that the copy lacks unless it is in step. What did not
// get there, in words.
std::string Bring(Session& session, LogForward& forward, const CopyQueue& queue,
                  const std::vector<PushedFile>& files, const std::stop_token& stop) {
  const std::string pair = forward.Pair();
  const base::Time now = session.clock().Now();
  if (queue.IsInStep(pair, now)) {
    try {
      forward.Bring(files, stop);
      return "";
    } catch (const base::Error& error) {
      // What one file said of the copy may be no more than that it is not in step.
      if (error.kind() == base::ErrorKind::kUnavailable) throw;
    }
  }
  try {
    queue.BeginComparison(pair, now);
  } catch (const base::Error& error) {
    // As a full disk: WAL gets there all the same, and all is compared the next time too.
    session.reporter().Note(error.message());
  }
  const std::optional<std::string> problem = forward.Once(stop);
  if (problem && problem->empty()) queue.SetInStep();
  return problem.value_or("");
}

// Whatever comes of it, the files leave the queue: all that a copy lacks is looked for when it is
// not in step.
void ForwardOnce(Session& session, LogForward& forward, const CopyQueue& queue,
                 const std::stop_token& stop) {
  const std::vector<PushedFile> files = queue.Files();
  std::string problem;
  try {
    problem = Bring(session, forward, queue, files, stop);
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::kCancelled) throw;
    queue.ClearInStep();
    problem = error.message();
  }
  queue.SetProblem(problem);
  if (!problem.empty())
    session.reporter().Warn(
        fmt::format("WAL does not get to the copy in {}: {}", forward.request().to->name, problem));
  queue.Remove(files);
}

// Until nothing was pushed meanwhile. Whoever pushes after the last look finds the lock free, or
// this finds what it put into the queue after giving the lock back.
void ForwardTo(Session& session, const repo::Repository& from, const CopyRequest& request,
               std::optional<base::File> lock) {
  const CopyQueue queue(session.config().state_directory, request.source, request.to->name);
  while (lock) {
    LogForward forward(session, from, request);
    do {
      ForwardOnce(session, forward, queue, session.stop());
    } while (!queue.Files().empty());
    lock.reset();
    if (!queue.Files().empty()) lock = queue.TryLock();
  }
}

struct LockedCopy {
  CopyRequest request;
  base::File lock;
};

// The copies to which no other process forwards.
std::list<LockedCopy> LockCopies(Session& session, const config::Source& source,
                                 const config::Repository& from) {
  std::list<LockedCopy> locked;
  for (const config::Copy& copy : source.copies) {
    const CopyQueue queue(session.config().state_directory, source.name, copy.repository);
    if (auto lock = queue.TryLock())
      locked.push_back({.request = {.from = &from,
                                    .to = &session.config().RepositoryNamed(copy.repository),
                                    .source = source.name},
                        .lock = std::move(*lock)});
  }
  return locked;
}

// A thread for each copy: none waits for another.
int Forward(Session& session, const std::string& name) {
  const config::Source& source = session.config().SourceNamed(name);
  const config::Repository& settings = session.config().RepositoryNamed(source.repository);
  std::list<LockedCopy> copies = LockCopies(session, source, settings);
  if (copies.empty()) return ToInt(ExitCode::kDone);
  const repo::Repository from = OpenRepository(session, settings);
  base::Synchronized<std::exception_ptr> failure;
  std::list<std::jthread> threads;
  for (LockedCopy& copy : copies) {
    threads.emplace_back([&session, &from, &failure, &copy] {
      try {
        ForwardTo(session, from, copy.request, std::move(copy.lock));
      } catch (...) {
        failure.With([](std::exception_ptr& first) { first = std::current_exception(); });
      }
    });
  }
  threads.clear();
  failure.With([](const std::exception_ptr& first) {
    if (first) std::rethrow_exception(first);
  });
  return ToInt(ExitCode::kDone);
}

bool GoesToCopies(Session& session, const std::string& name) {
  if (!session.options().repository.empty()) return false;
  for (const config::Source& source : session.config().sources) {
    if (source.name == name) return source.wal == config::WalMode::kPush && !source.copies.empty();
  }
  return false;
}

// A file that does not get into the queue would be missing in the copy for good while that is held
// to be in step.
void PutInLine(Session& session, const std::string& source, const std::string& copy,
               const PushedFile& file) {
  const CopyQueue queue(session.config().state_directory, source, copy);
  std::string next = "it goes there with the next WAL";
  try {
    queue.Add(file);
    return;
  } catch (const base::Error& error) {
    const std::string& why = error.message();
    try {
      queue.ClearInStep();
    } catch (const base::Error&) {
      next = fmt::format("bring it there: holdfast copy {}", source);
    }
    session.reporter().Warn(
        fmt::format("{} is not noted for the copy in {}: {}; {}", file.name, copy, why, next));
  }
}

}  // namespace

void StartForwarding(Session& session, const std::string& source, const PushedFile& file) {
  try {
    if (!GoesToCopies(session, source)) return;
    for (const config::Copy& copy : session.config().SourceNamed(source).copies)
      PutInLine(session, source, copy.repository, file);
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
