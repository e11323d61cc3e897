// Removing many objects, several at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "storage/storage.h"

namespace holdfast::upkeep {

struct Removal {
  std::uint64_t gone = 0;  // by us or by another
  // The store did not allow it: object lock, missing rights. Others are still tried.
  std::uint64_t refused = 0;
  std::string first_refusal;  // object and reason

  void Add(const Removal& other);
};

// `name(n)` for n below `count` is called from any thread. Any other failure stops it: the first is
// thrown.
Removal RemoveObjects(storage::Storage& storage, std::size_t count,
                      const std::function<std::string(std::size_t)>& name, int jobs,
                      const std::stop_token& stop);

}  // namespace holdfast::upkeep
