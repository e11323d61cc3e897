// Brings the WAL that a receiver stores to the source's copies too, beside its work.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "cli/copy_queue.h"
#include "cli/log_forward.h"
#include "cli/session.h"
#include "repo/repository.h"
#include "wal/stream.h"

namespace holdfast::cli {

// One thread for each copy, so that receiving never waits for it, nor one copy for another. A copy
// that cannot be reached is tried again and told of when that begins and ends. One without a backup
// gets no WAL yet: that comes with its first backup.
class CopyFollower {
 public:
  // All must outlive it.
  CopyFollower(Session& session, const config::Repository& settings, const repo::Repository& from,
               const config::Source& source);
  ~CopyFollower();  // asks the threads to stop, and waits

  // WAL is looked for once what is stored has changed.
  void Show(const wal::StreamState& state);

 private:
  struct Target {
    LogForward forward;
    CopyQueue queue;                       // whose problem `status` shows
    std::optional<std::string> problem{};  // that was told
    std::jthread thread{};
  };

  void Run(Target& target, const std::stop_token& stop);
  void Tell(Target& target, std::string problem);

  Session& session_;
  const config::Source& source_;
  std::atomic<std::uint64_t> stored_{0};  // changes with every position that was stored
  std::list<Target> targets_;
};

}  // namespace holdfast::cli
