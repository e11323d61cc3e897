// Repeats what a store over a network refused for the moment.
#pragma once

#include <memory>
#include <stop_token>

#include "storage/storage.h"

namespace holdfast::storage {

struct RetryOptions {
  base::Duration first_delay = std::chrono::milliseconds(200);
  base::Duration longest_delay = std::chrono::seconds(30);
  // From the start of a request; no attempt starts later. A listing's deadline starts anew with
  // each object it yields.
  base::Duration deadline = std::chrono::minutes(10);
};

// Retries Error(kUnavailable) only, with delays that double and are cut by a random part up to a
// half; afterwards the last error is thrown. For network stores: a directory answers for good (a
// full disk is also kUnavailable).
//
// An attempt that failed may have been carried out. Therefore a repeated Put that finds an object
// with exactly its own contents is kStored, and a repeated Remove that finds nothing is kRemoved.
class RetryingStorage final : public Storage {
 public:
  // `clock` must outlive the storage. A stop ends a wait with Error(kCancelled).
  RetryingStorage(std::shared_ptr<Storage> below, base::Clock& clock, RetryOptions options = {},
                  std::stop_token stop = {});

  [[nodiscard]] PutOutcome Put(std::string_view name, base::ByteView contents) override;
  std::optional<base::Bytes> Get(std::string_view name) override;
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override;
  std::optional<ObjectInfo> Stat(std::string_view name) override;
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const ObjectInfo&)>& visit) override;
  RemoveOutcome Remove(std::string_view name) override;
  std::uint64_t RemoveLeftovers() override;
  base::Time StoreTime() override;
  StorageTraits traits() const override { return below_->traits(); }

 private:
  class Attempts;
  template <typename Request>
  auto Retry(Request&& request);

  std::shared_ptr<Storage> below_;
  base::Clock& clock_;
  RetryOptions options_;
  std::stop_token stop_;
};

}  // namespace holdfast::storage
