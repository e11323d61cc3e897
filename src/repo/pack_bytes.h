// The stored bytes of packs, for readers: what is small with its surroundings, if wanted.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/bytes.h"
#include "repo/ids.h"
#include "repo/lru_cache.h"
#include "storage/storage.h"

namespace holdfast::repo {

// Thread-safe. A pack that is missing or too short is Error(kCorrupt) naming it.
class PackBytes {
 public:
  // `cache_bytes` 0: every read is a request for just its bytes.
  PackBytes(storage::Storage& storage, std::uint64_t cache_bytes)
      : storage_(&storage), cache_bytes_(cache_bytes), windows_(cache_bytes) {}

  base::Bytes Read(const PackId& pack, std::uint64_t offset, std::uint64_t length);

 private:
  // Packs are read in windows that begin at multiples of their size.
  struct Window {
    PackId pack;
    std::uint64_t number = 0;
    auto operator<=>(const Window&) const = default;
  };

  base::Bytes Request(const PackId& pack, std::uint64_t offset, std::uint64_t length);
  std::shared_ptr<const base::Bytes> WindowOf(const Window& window);

  storage::Storage* storage_;
  const std::uint64_t cache_bytes_;
  LruCache<Window, const base::Bytes> windows_;
  // Workers want neighbours at the same time: the second waits for what the first requests.
  std::array<std::mutex, 16> requesting_;
};

}  // namespace holdfast::repo
