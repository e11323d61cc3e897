#include "upkeep/testing/history_storage.h"

#include <algorithm>

namespace holdfast::upkeep {

base::Bytes Cut(base::ByteView whole, std::uint64_t offset, std::uint64_t length) {
  const std::size_t begin = std::min<std::uint64_t>(offset, whole.size());
  const base::ByteView part =
      whole.subspan(begin, std::min<std::uint64_t>(length, whole.size() - begin));
  return {part.begin(), part.end()};
}

const HistoryStorage::Object* HistoryStorage::Find(std::string_view name, base::Time moment) const {
  const auto found = objects_.find(name);
  if (found == objects_.end()) return nullptr;
  // What was put and removed at the same moment was not there.
  for (auto object = found->second.rbegin(); object != found->second.rend(); ++object) {
    if (object->put <= moment && (!object->removed || *object->removed > moment)) return &*object;
  }
  return nullptr;
}

void HistoryStorage::ListAsOf(std::string_view prefix, std::string_view after,
                              const std::function<base::Time(const std::string& name)>& moment,
                              const std::function<void(const storage::ObjectInfo&)>& visit) const {
  for (auto at = objects_.lower_bound(prefix); at != objects_.end(); ++at) {
    const std::string& name = at->first;
    if (!name.starts_with(prefix)) break;
    const Object* object = Find(name, moment(name));
    if (object != nullptr && name > after)
      visit({name, object->contents->size(), object->modified});
  }
}

storage::PutOutcome HistoryStorage::Put(std::string_view name, base::ByteView contents) {
  storage::CheckName(name);
  if (Find(name, truth_.Now()) != nullptr) return storage::PutOutcome::kAlreadyThere;
  auto copy = std::make_shared<const base::Bytes>(contents.begin(), contents.end());
  objects_[std::string(name)].push_back({.contents = std::move(copy),
                                         .modified = clock_.Now(),
                                         .put = truth_.Now(),
                                         .removed = std::nullopt});
  return storage::PutOutcome::kStored;
}

std::optional<base::Bytes> HistoryStorage::Get(std::string_view name) {
  const Object* object = Find(name, truth_.Now());
  return object == nullptr ? std::nullopt : std::optional(*object->contents);
}

std::optional<base::Bytes> HistoryStorage::GetRange(std::string_view name, std::uint64_t offset,
                                                    std::uint64_t length) {
  const Object* object = Find(name, truth_.Now());
  if (object == nullptr) return std::nullopt;
  return Cut(*object->contents, offset, length);
}

std::optional<storage::ObjectInfo> HistoryStorage::Stat(std::string_view name) {
  const Object* object = Find(name, truth_.Now());
  if (object == nullptr) return std::nullopt;
  return storage::ObjectInfo{std::string(name), object->contents->size(), object->modified};
}

void HistoryStorage::List(std::string_view prefix, std::string_view after,
                          const std::function<void(const storage::ObjectInfo&)>& visit) {
  ListAsOf(
      prefix, after, [&](const std::string&) { return truth_.Now(); }, visit);
}

storage::RemoveOutcome HistoryStorage::Remove(std::string_view name) {
  if (Find(name, truth_.Now()) == nullptr) return storage::RemoveOutcome::kWasAbsent;
  objects_.find(name)->second.back().removed = truth_.Now();
  return storage::RemoveOutcome::kRemoved;
}

storage::StorageTraits HistoryStorage::traits() const {
  return {.atomic_put_if_absent = true, .description = "memory"};
}

}  // namespace holdfast::upkeep
