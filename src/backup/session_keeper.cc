#include "backup/session_keeper.h"

#include <chrono>

namespace holdfast::backup {

namespace {

constexpr std::chrono::seconds kInterval{10};

}  // namespace

SessionKeeper::SessionKeeper(pg::BackupSession& session, base::Clock& clock,
                             const std::stop_token& stop)
    : on_stop_(stop, [this] { readers_.request_stop(); }) {
  thread_.OnFailure([this] { readers_.request_stop(); });
  thread_.Start([&session, &clock](const std::stop_token& token) {
    while (clock.Sleep(kInterval, token)) session.KeepAlive();
  });
}

void SessionKeeper::Finish() {
  thread_.RequestStop();
  thread_.Join();
}

}  // namespace holdfast::backup
