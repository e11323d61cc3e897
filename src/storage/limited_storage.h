// A storage that is read and written no faster than allowed.
#pragma once

#include <memory>

#include "base/rate_limit.h"
#include "storage/storage.h"

namespace holdfast::storage {

// Whole objects at a time: in the long run the rate holds, while single objects go at the speed of
// the storage below. For directories; requests over the network are limited piece by piece.
class LimitedStorage final : public Storage {
 public:
  // Either limit may be null.
  LimitedStorage(std::shared_ptr<Storage> below, std::shared_ptr<base::RateLimit> upload,
                 std::shared_ptr<base::RateLimit> download, std::stop_token stop = {})
      : below_(std::move(below)),
        upload_(std::move(upload)),
        download_(std::move(download)),
        stop_(std::move(stop)) {}

  [[nodiscard]] PutOutcome Put(std::string_view name, base::ByteView contents) override;
  std::optional<base::Bytes> Get(std::string_view name) override;
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override;
  std::optional<ObjectInfo> Stat(std::string_view name) override { return below_->Stat(name); }
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const ObjectInfo&)>& visit) override {
    below_->List(prefix, after, visit);
  }
  RemoveOutcome Remove(std::string_view name) override { return below_->Remove(name); }
  std::uint64_t RemoveLeftovers() override { return below_->RemoveLeftovers(); }
  base::Time StoreTime() override { return below_->StoreTime(); }
  StorageTraits traits() const override { return below_->traits(); }

 private:
  std::optional<base::Bytes> Slowly(std::optional<base::Bytes> contents);

  std::shared_ptr<Storage> below_;
  std::shared_ptr<base::RateLimit> upload_;
  std::shared_ptr<base::RateLimit> download_;
  std::stop_token stop_;
};

}  // namespace holdfast::storage
