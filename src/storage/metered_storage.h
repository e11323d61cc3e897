// Counts what is asked of a storage.
#pragma once

#include <memory>

#include "base/synchronized.h"
#include "storage/storage.h"

namespace holdfast::storage {

struct VerbUse {
  std::uint64_t requests = 0;  // also those that failed
  std::uint64_t failures = 0;  // those that threw
  std::uint64_t bytes = 0;  // of contents that went over: sent by Put, received by Get and GetRange
};

struct StorageUse {
  VerbUse put;
  VerbUse get;
  VerbUse get_range;
  VerbUse stat;
  VerbUse list;
  VerbUse remove;
  std::uint64_t objects_listed = 0;
};

class MeteredStorage final : public Storage {
 public:
  explicit MeteredStorage(std::shared_ptr<Storage> below) : below_(std::move(below)) {}

  StorageUse use() const;

  [[nodiscard]] PutOutcome Put(std::string_view name, base::ByteView contents) override;
  std::optional<base::Bytes> Get(std::string_view name) override;
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override;
  std::optional<ObjectInfo> Stat(std::string_view name) override;
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const ObjectInfo&)>& visit) override;
  RemoveOutcome Remove(std::string_view name) override;
  std::uint64_t RemoveLeftovers() override { return below_->RemoveLeftovers(); }
  base::Time StoreTime() override { return below_->StoreTime(); }
  StorageTraits traits() const override { return below_->traits(); }

 private:
  template <typename Request>
  auto Count(VerbUse StorageUse::*verb, Request&& request);
  void AddBytes(VerbUse StorageUse::*verb, std::uint64_t bytes);

  std::shared_ptr<Storage> below_;
  base::Synchronized<StorageUse> use_;
};

}  // namespace holdfast::storage
