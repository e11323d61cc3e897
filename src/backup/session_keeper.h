// Watches over the backup's session while others read files, and over what runs beside them.
#pragma once

#include <functional>
#include <stop_token>

#include "base/clock.h"
#include "base/workers.h"
#include "pg/backup_session.h"

namespace holdfast::backup {

// Queries the session every ten seconds from a thread of its own; the session is its alone until
// the destructor has joined it. When the session is lost, stop_token() stops the readers: what they
// read would be worth nothing.
class SessionKeeper {
 public:
  SessionKeeper(pg::BackupSession& session, base::Clock& clock, const std::stop_token& stop);

  // Runs `work` in a thread of its own, until its token says stop. When it throws, the readers stop
  // too.
  void Beside(std::function<void(const std::stop_token&)> work);
  // Stops when the session is lost, or with the token given.
  std::stop_token stop_token() const { return readers_.get_token(); }
  // Ends the watch and what runs beside; throws what was wrong first.
  void Finish();

 private:
  std::stop_source readers_;
  std::stop_callback<std::function<void()>> on_stop_;
  base::Workers threads_;
};

}  // namespace holdfast::backup
