#include "storage/metered_storage.h"

namespace holdfast::storage {

StorageUse MeteredStorage::use() const {
  return use_.With([](const StorageUse& use) { return use; });
}

template <typename Request>
auto MeteredStorage::Count(VerbUse StorageUse::*verb, Request&& request) {
  use_.With([&](StorageUse& use) { ++(use.*verb).requests; });
  try {
    return request();
  } catch (...) {
    use_.With([&](StorageUse& use) { ++(use.*verb).failures; });
    throw;
  }
}

void MeteredStorage::AddBytes(VerbUse StorageUse::*verb, std::uint64_t bytes) {
  use_.With([&](StorageUse& use) { (use.*verb).bytes += bytes; });
}

PutOutcome MeteredStorage::Put(std::string_view name, base::ByteView contents) {
  const PutOutcome outcome = Count(&StorageUse::put, [&] { return below_->Put(name, contents); });
  AddBytes(&StorageUse::put, contents.size());
  return outcome;
}

std::optional<base::Bytes> MeteredStorage::Get(std::string_view name) {
  auto contents = Count(&StorageUse::get, [&] { return below_->Get(name); });
  if (contents) AddBytes(&StorageUse::get, contents->size());
  return contents;
}

std::optional<base::Bytes> MeteredStorage::GetRange(std::string_view name, std::uint64_t offset,
                                                    std::uint64_t length) {
  auto contents =
      Count(&StorageUse::get_range, [&] { return below_->GetRange(name, offset, length); });
  if (contents) AddBytes(&StorageUse::get_range, contents->size());
  return contents;
}

std::optional<ObjectInfo> MeteredStorage::Stat(std::string_view name) {
  return Count(&StorageUse::stat, [&] { return below_->Stat(name); });
}

void MeteredStorage::List(std::string_view prefix, std::string_view after,
                          const std::function<void(const ObjectInfo&)>& visit) {
  Count(&StorageUse::list, [&] {
    below_->List(prefix, after, [&](const ObjectInfo& object) {
      use_.With([](StorageUse& use) { ++use.objects_listed; });
      visit(object);
    });
  });
}

RemoveOutcome MeteredStorage::Remove(std::string_view name) {
  return Count(&StorageUse::remove, [&] { return below_->Remove(name); });
}

}  // namespace holdfast::storage
