#include "storage/memory_storage.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::storage {

namespace {

[[noreturn]] void ThrowFolderConflict(std::string_view folder, std::string_view name) {
  throw base::Error(base::ErrorKind::kConflict,
                    fmt::format("{} cannot be both an object and the folder of {}", folder, name));
}

// No object may be the folder of another.
template <typename Objects>
void CheckFolders(const Objects& objects, std::string_view name) {
  for (auto slash = name.find('/'); slash != std::string_view::npos;
       slash = name.find('/', slash + 1)) {
    const std::string_view folder = name.substr(0, slash);
    if (objects.contains(folder)) ThrowFolderConflict(folder, name);
  }
  const std::string as_folder = fmt::format("{}/", name);
  const auto inside = objects.lower_bound(as_folder);
  if (inside != objects.end() && inside->first.starts_with(as_folder)) {
    ThrowFolderConflict(name, inside->first);
  }
}

}  // namespace

PutOutcome MemoryStorage::Put(std::string_view name, base::ByteView contents) {
  CheckName(name);
  auto copy = std::make_shared<const base::Bytes>(contents.begin(), contents.end());
  return objects_.With([&](Objects& objects) {
    CheckFolders(objects, name);
    const bool added =
        objects.try_emplace(std::string(name), Object{std::move(copy), clock_.Now()}).second;
    return added ? PutOutcome::kStored : PutOutcome::kAlreadyThere;
  });
}

std::optional<MemoryStorage::Object> MemoryStorage::Find(std::string_view name) const {
  CheckName(name);
  return objects_.With([&](const Objects& objects) -> std::optional<Object> {
    const auto found = objects.find(name);
    if (found == objects.end()) return std::nullopt;
    return found->second;
  });
}

std::optional<base::Bytes> MemoryStorage::Get(std::string_view name) {
  const auto object = Find(name);
  if (!object) return std::nullopt;
  return *object->contents;
}

std::optional<base::Bytes> MemoryStorage::GetRange(std::string_view name, std::uint64_t offset,
                                                   std::uint64_t length) {
  const auto object = Find(name);
  if (!object) return std::nullopt;
  const base::ByteView whole = *object->contents;
  const std::size_t begin = std::min<std::uint64_t>(offset, whole.size());
  const std::size_t count = std::min<std::uint64_t>(length, whole.size() - begin);
  const base::ByteView range = whole.subspan(begin, count);
  return base::Bytes(range.begin(), range.end());
}

std::optional<ObjectInfo> MemoryStorage::Stat(std::string_view name) {
  const auto object = Find(name);
  if (!object) return std::nullopt;
  return ObjectInfo{std::string(name), object->contents->size(), object->modified};
}

void MemoryStorage::List(std::string_view prefix, std::string_view after,
                         const std::function<void(const ObjectInfo&)>& visit) {
  std::vector<ObjectInfo> listed;
  objects_.With([&](const Objects& objects) {
    const auto begin = after > prefix ? objects.upper_bound(after) : objects.lower_bound(prefix);
    for (auto object = begin; object != objects.end(); ++object) {
      const auto& [name, what] = *object;
      if (!name.starts_with(prefix)) break;
      if (name > after) listed.push_back({name, what.contents->size(), what.modified});
    }
  });
  // Without the lock: `visit` may use the storage.
  for (const ObjectInfo& object : listed) visit(object);
}

RemoveOutcome MemoryStorage::Remove(std::string_view name) {
  CheckName(name);
  return objects_.With([&](Objects& objects) {
    const auto found = objects.find(name);
    if (found == objects.end()) return RemoveOutcome::kWasAbsent;
    objects.erase(found);
    return RemoveOutcome::kRemoved;
  });
}

StorageTraits MemoryStorage::traits() const {
  return {.atomic_put_if_absent = true, .description = "memory"};
}

}  // namespace holdfast::storage
