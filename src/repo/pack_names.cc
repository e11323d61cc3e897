#include <mutex>
#include <unordered_map>

#include "base/error.h"
#include "base/random.h"
#include "repo/writer.h"

namespace holdfast::repo {

struct PackNames::State {
  mutable std::mutex mutex;
  std::unordered_map<PackId, std::optional<PackId>> names;
};

PackNames::PackNames() : state_(std::make_shared<State>()) {}

PackId PackNames::NewProvisional() {
  PackId id;
  base::FillRandom(id.bytes);
  const std::scoped_lock lock(state_->mutex);
  state_->names.emplace(id, std::nullopt);
  return id;
}

void PackNames::Bind(const PackId& provisional, const PackId& final_id) {
  const std::scoped_lock lock(state_->mutex);
  const auto it = state_->names.find(provisional);
  if (it == state_->names.end() || it->second) {
    throw base::Error(base::ErrorKind::kInternal, "a pack that is not being built gets a name");
  }
  it->second = final_id;
}

std::optional<PackId> PackNames::Resolve(const PackId& id) const {
  const std::scoped_lock lock(state_->mutex);
  const auto it = state_->names.find(id);
  return it == state_->names.end() ? id : it->second;
}

PackId PackNames::Named(const PackId& id) const {
  const std::optional<PackId> name = Resolve(id);
  if (!name) {
    throw base::Error(base::ErrorKind::kInternal, "a pack is named that is still being built");
  }
  return *name;
}

void PackNames::Name(PageMap& map) const {
  for (PackId& pack : map.packs) pack = Named(pack);
}

void PackNames::Name(ExtentContent& content) const {
  for (Extent& extent : content.extents) extent.frame.pack = Named(extent.frame.pack);
}

}  // namespace holdfast::repo
