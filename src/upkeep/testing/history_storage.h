// A storage in memory that remembers what it held at every moment, for those who are shown an
// earlier one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/storage.h"

namespace holdfast::upkeep {

// Not thread-safe: actors take turns.
class HistoryStorage final : public storage::Storage {
 public:
  // `clock` is the store's, by which objects are dated, and `truth` orders what happens. Both must
  // outlive it.
  HistoryStorage(const base::Clock& clock, const base::Clock& truth)
      : clock_(clock), truth_(truth) {}
  // The same objects, on other clocks.
  HistoryStorage(const HistoryStorage& origin, const base::Clock& clock, const base::Clock& truth)
      : clock_(clock), truth_(truth), objects_(origin.objects_) {}

  struct Object {
    std::shared_ptr<const base::Bytes> contents;
    base::Time modified;
    base::Time put;
    std::optional<base::Time> removed;
  };
  // As of `moment`, on the clock of truth.
  const Object* Find(std::string_view name, base::Time moment) const;
  // `moment` is asked in ascending order of the names that ever were.
  void ListAsOf(std::string_view prefix, std::string_view after,
                const std::function<base::Time(const std::string& name)>& moment,
                const std::function<void(const storage::ObjectInfo&)>& visit) const;

  [[nodiscard]] storage::PutOutcome Put(std::string_view name, base::ByteView contents) override;
  std::optional<base::Bytes> Get(std::string_view name) override;
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override;
  std::optional<storage::ObjectInfo> Stat(std::string_view name) override;
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const storage::ObjectInfo&)>& visit) override;
  storage::RemoveOutcome Remove(std::string_view name) override;
  base::Time StoreTime() override { return clock_.Now(); }
  storage::StorageTraits traits() const override;

 private:
  const base::Clock& clock_;
  const base::Clock& truth_;
  std::map<std::string, std::vector<Object>, std::less<>> objects_;  // by name, in order of time
};

// `length` bytes from `offset`, clipped at the end.
base::Bytes Cut(base::ByteView whole, std::uint64_t offset, std::uint64_t length);

}  // namespace holdfast::upkeep
