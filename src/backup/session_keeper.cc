#include "backup/session_keeper.h"

#include <chrono>
#include <utility>

namespace holdfast::backup {

namespace {

constexpr std::chrono::seconds kInterval{10};

}  // namespace

SessionKeeper::SessionKeeper(pg::BackupSession& session, base::Clock& clock,
                             const std::stop_token& stop)
    : on_stop_(stop, [this] { readers_.request_stop(); }) {
  threads_.OnFailure([this] { readers_.request_stop(); });
  threads_.Start([&session, &clock](const std::stop_token& token) {
    while (clock.Sleep(kInterval, token)) session.KeepAlive();
  });
}

void SessionKeeper::Beside(std::function<void(const std::stop_token&)> work) {
  threads_.Start([work = std::move(work)](const std::stop_token& token) { work(token); });
}

void SessionKeeper::Finish() {
  threads_.RequestStop();
  threads_.Join();
}

}  // namespace holdfast::backup
