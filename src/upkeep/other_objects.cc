#include "upkeep/other_objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "repo/ids.h"
#include "repo/stored_check.h"
#include "wal/archive_check.h"

namespace holdfast::upkeep {

namespace {

bool IsPack(std::string_view name) { return name.starts_with(repo::kPacksPrefix); }

bool IsKnown(std::string_view name) {
  return wal::IsInWalArchive(name) ? wal::ParseWalObjectName(name).has_value()
                                   : repo::IsStoredName(name);
}

// "<folder>/<source>/...".
bool IsOfSource(std::string_view name, std::string_view source) {
  if (!name.starts_with(repo::kSnapshotsPrefix) && !wal::IsInWalArchive(name)) return false;
  name.remove_prefix(name.find('/') + 1);
  return name.starts_with(fmt::format("{}/", source));
}

bool IsWanted(std::string_view name, std::string_view source) {
  if (source.empty()) return true;
  return name == repo::kConfigObject || name.starts_with(repo::kKeysPrefix) ||
         IsOfSource(name, source);
}

// Fed with names in ascending order, in which the contents of one file are neighbours.
class ForkFinder {
 public:
  explicit ForkFinder(DamageLog& log) : log_(log) {}

  void Add(const std::string& name) {
    const auto parsed = wal::ParseWalObjectName(name);
    if (!parsed || parsed->file.empty() || parsed->file != file_) Finish();
    if (parsed && !parsed->file.empty()) {
      file_ = parsed->file;
      objects_.push_back(name);
    }
  }

  void Finish() {
    for (const std::string& object : objects_) {
      if (objects_.size() == 1) break;
      log_.Add(object, fmt::format("it is one of {} contents of one file, of which only one can "
                                   "be right: two servers wrote to this archive",
                                   objects_.size()));
    }
    file_.clear();
    objects_.clear();
  }

 private:
  DamageLog& log_;
  std::string file_;
  std::vector<std::string> objects_;
};

}  // namespace

std::vector<storage::ObjectInfo> ListOtherObjects(storage::Storage& storage,
                                                  std::string_view source, DamageLog& log) {
  std::vector<storage::ObjectInfo> objects;
  ForkFinder forks(log);
  const auto visit = [&](const storage::ObjectInfo& object) {
    if (!IsWanted(object.name, source)) return;
    if (!IsKnown(object.name)) {
      log.AddOddity(object.name, "nothing of holdfast has such a name");
      return;
    }
    forks.Add(object.name);
    if (!IsPack(object.name)) objects.push_back(object);
  };
  storage.List({}, {}, visit);
  forks.Finish();
  const bool has_config = std::ranges::any_of(objects, [](const storage::ObjectInfo& object) {
    return object.name == repo::kConfigObject;
  });
  if (!has_config) log.Add(repo::kConfigObject, "it is missing");
  return objects;
}

}  // namespace holdfast::upkeep
