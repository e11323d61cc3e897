#include "storage/retrying_storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "base/error.h"
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

// The attempts of one request.
class RetryingStorage::Attempts {
 public:
  explicit Attempts(RetryingStorage& storage) : storage_(storage) { StartAnew(); }

  bool first() const { return failures_ == 0; }

  // The request made progress.
  void StartAnew() {
    started_ = storage_.clock_.Steady();
    delay_ = storage_.options_.first_delay;
    failures_ = 0;
  }

  // Returns when it is time to try again; throws `error` when that makes no sense any more.
  void WaitAfter(base::Error error) {
    ++failures_;
    if (error.kind() != base::ErrorKind::kUnavailable) throw error;
    const base::Duration delay = WithJitter(delay_);
    const auto elapsed =
        std::chrono::duration_cast<base::Duration>(storage_.clock_.Steady() - started_);
    if (elapsed + delay > storage_.options_.deadline) {
      error.AddContext(fmt::format("given up after {} attempts in {}", failures_,
                                   base::FormatDuration(elapsed)));
      throw error;
    }
    storage_.clock_.Sleep(delay, storage_.stop_);
    base::ThrowIfStopped(storage_.stop_);
    delay_ = std::min(delay_ * 2, storage_.options_.longest_delay);
  }

 private:
  RetryingStorage& storage_;
  std::chrono::steady_clock::time_point started_;
  base::Duration delay_{};
  int failures_ = 0;
};

RetryingStorage::RetryingStorage(std::shared_ptr<Storage> below, base::Clock& clock,
                                 RetryOptions options, std::stop_token stop)
    : below_(std::move(below)), clock_(clock), options_(options), stop_(std::move(stop)) {}

// Calls `request(is_first)` until it does not throw kUnavailable.
template <typename Request>
auto RetryingStorage::Retry(Request&& request) {
  Attempts attempts(*this);
  while (true) {
    try {
      return request(attempts.first());
    } catch (const base::Error& error) {
      attempts.WaitAfter(error);
    }
  }
}

PutOutcome RetryingStorage::Put(std::string_view name, base::ByteView contents) {
  return Retry([&](bool first) {
    const PutOutcome outcome = below_->Put(name, contents);
    if (first || outcome == PutOutcome::kStored) return outcome;
    const auto existing = below_->Get(name);
    return existing && base::Equal(*existing, contents) ? PutOutcome::kStored : outcome;
  });
}

std::optional<base::Bytes> RetryingStorage::Get(std::string_view name) {
  return Retry([&](bool) { return below_->Get(name); });
}

std::optional<base::Bytes> RetryingStorage::GetRange(std::string_view name, std::uint64_t offset,
                                                     std::uint64_t length) {
  return Retry([&](bool) { return below_->GetRange(name, offset, length); });
}

std::optional<ObjectInfo> RetryingStorage::Stat(std::string_view name) {
  return Retry([&](bool) { return below_->Stat(name); });
}

void RetryingStorage::List(std::string_view prefix, std::string_view after,
                           const std::function<void(const ObjectInfo&)>& visit) {
  std::string position(after);
  std::exception_ptr visitor_error;  // not the store's: never a reason to try again
  Attempts attempts(*this);
  const auto visit_once = [&](const ObjectInfo& object) {
    try {
      visit(object);
    } catch (...) {
      visitor_error = std::current_exception();
      throw;
    }
    position = object.name;
    attempts.StartAnew();
  };
  while (true) {
    try {
      return below_->List(prefix, position, visit_once);
    } catch (const base::Error& error) {
      if (visitor_error) std::rethrow_exception(visitor_error);
      attempts.WaitAfter(error);
    }
  }
}

RemoveOutcome RetryingStorage::Remove(std::string_view name) {
  return Retry([&](bool first) {
    const RemoveOutcome outcome = below_->Remove(name);
    return first ? outcome : RemoveOutcome::kRemoved;
  });
}

std::uint64_t RetryingStorage::RemoveLeftovers() {
  return Retry([&](bool) { return below_->RemoveLeftovers(); });
}

base::Time RetryingStorage::StoreTime() {
  return Retry([&](bool) { return below_->StoreTime(); });
}

}  // namespace holdfast::storage
