#include "base/rate_limit.h"

#include <algorithm>

namespace holdfast::base {

namespace {

constexpr Duration kBurst = std::chrono::milliseconds(250);

}  // namespace

RateLimit::RateLimit(std::uint64_t bytes_per_second, Clock& clock)
    : bytes_per_second_(bytes_per_second), clock_(clock), paid_at_(clock.Steady() - kBurst) {}

Duration RateLimit::Take(std::uint64_t bytes, const std::stop_token& stop) {
  const auto cost = Duration(bytes * 1'000'000 / bytes_per_second_);
  const SteadyTime now = clock_.Steady();
  const SteadyTime mine = paid_at_.With(
      [&](SteadyTime& paid_at) { return paid_at = std::max(paid_at, now - kBurst) + cost; });
  if (mine <= now) return Duration::zero();
  clock_.Sleep(std::chrono::ceil<Duration>(mine - now), stop);
  return std::chrono::duration_cast<Duration>(clock_.Steady() - now);
}

}  // namespace holdfast::base
