#include "upkeep/removal.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/synchronized.h"
#include "base/workers.h"

namespace holdfast::upkeep {

namespace {

Removal RemoveOne(storage::Storage& storage, const std::string& object) {
  Removal removal;
  try {
    (void)storage.Remove(object);
    removal.gone = 1;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kDenied) throw;
    removal.refused = 1;
    removal.first_refusal = fmt::format("{}: {}", object, error.message());
  }
  return removal;
}

}  // namespace

void Removal::Add(const Removal& other) {
  gone += other.gone;
  refused += other.refused;
  if (first_refusal.empty()) first_refusal = other.first_refusal;
}

Removal RemoveObjects(storage::Storage& storage, std::size_t count,
                      const std::function<std::string(std::size_t)>& name, int jobs,
                      const std::stop_token& stop) {
  base::Synchronized<Removal> total;
  std::atomic<std::size_t> next = 0;
  base::Workers workers(stop);
  const std::size_t threads =
      std::min<std::size_t>(count, static_cast<std::size_t>(std::max(jobs, 1)));
  for (std::size_t i = 0; i < threads; ++i) {
    workers.Start([&](const std::stop_token& stopping) {
      for (std::size_t n = next++; n < count; n = next++) {
        base::ThrowIfStopped(stopping);
        const Removal one = RemoveOne(storage, name(n));
        total.With([&](Removal& removal) { removal.Add(one); });
      }
    });
  }
  workers.Join();
  base::ThrowIfStopped(stop);
  return total.With([](const Removal& removal) { return removal; });
}

}  // namespace holdfast::upkeep
