// Watches over the backup's session while others read files.
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

  // Stops when the session is lost, or with the token given.
  std::stop_token stop_token() const { return readers_.get_token(); }
  // Ends the watch; throws what was wrong with the session.
  void Finish();

 private:
  std::stop_source readers_;
  std::stop_callback<std::function<void()>> on_stop_;
  base::Workers thread_;
};

}  // namespace holdfast::backup
