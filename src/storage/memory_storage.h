// Objects in memory: for tests and dry runs.
#pragma once

#include <map>
#include <memory>

#include "base/synchronized.h"
#include "storage/storage.h"

namespace holdfast::storage {

// As strict as the strictest real store: refuses an object that is the folder of another.
class MemoryStorage final : public Storage {
 public:
  // `clock` is the store's clock and must outlive it.
  explicit MemoryStorage(const base::Clock& clock) : clock_(clock) {}

  [[nodiscard]] PutOutcome Put(std::string_view name, base::ByteView contents) override;
  std::optional<base::Bytes> Get(std::string_view name) override;
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override;
  std::optional<ObjectInfo> Stat(std::string_view name) override;
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const ObjectInfo&)>& visit) override;
  RemoveOutcome Remove(std::string_view name) override;
  base::Time StoreTime() override { return clock_.Now(); }
  StorageTraits traits() const override;

 private:
  struct Object {
    std::shared_ptr<const base::Bytes> contents;
    base::Time modified;
  };
  using Objects = std::map<std::string, Object, std::less<>>;

  std::optional<Object> Find(std::string_view name) const;

  const base::Clock& clock_;
  base::Synchronized<Objects> objects_;
};

}  // namespace holdfast::storage
