#include "storage/retry.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/random.h"
#include "base/time_text.h"
#include "base/workers.h"

namespace holdfast::storage {

namespace {

// Between a half of `delay` and all of it: clients that failed together do not come back together.
base::Duration WithJitter(base::Duration delay) {
  base::Bytes random(4);
  base::FillRandom(random);
  const std::uint32_t number = base::ByteReader(random, "random number").U32();
  const std::int64_t half = delay.count() / 2;
  return base::Duration(delay.count() - static_cast<std::int64_t>(number) % (half + 1));
}

}  // namespace

Retrier::Retrier(base::Clock& clock, RetryOptions options, std::stop_token stop)
    : clock_(clock), options_(std::move(options)), stop_(std::move(stop)) {}

Retrier::Attempts::Attempts(Retrier& retrier)
    : retrier_(retrier), started_(retrier.clock_.Steady()), delay_(retrier.options_.first_delay) {}

void Retrier::Attempts::WaitAfter(base::Error error) {
  ++failures_;
  if (error.kind() != base::ErrorKind::kUnavailable) {
    retrier_.answered_ = true;
    throw error;
  }
  const auto elapsed =
      std::chrono::duration_cast<base::Duration>(retrier_.clock_.Steady() - started_);
  const RetryOptions& options = retrier_.options_;
  const base::Duration left =
      (retrier_.answered_ ? options.deadline : options.first_deadline) - elapsed;
  if (left <= base::Duration::zero()) {
    error.AddContext(
        fmt::format("given up after {} attempts in {}", failures_, base::FormatDuration(elapsed)));
    throw error;
  }
  if (options.on_failure) options.on_failure(error, elapsed);
  // The last attempt is made when the time is over, not a long pause before.
  retrier_.clock_.Sleep(std::min(WithJitter(delay_), left), retrier_.stop_);
  base::ThrowIfStopped(retrier_.stop_);
  delay_ = std::min(delay_ * 2, options.longest_delay);
}

}  // namespace holdfast::storage
