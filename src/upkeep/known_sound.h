// What was found sound a while ago, so that what many backups share is looked at once.
#pragma once

#include <set>

#include "base/synchronized.h"
#include "codec/hash.h"

namespace holdfast::upkeep {

// Thread-safe. Forgets everything when it is full: that costs time, not truth.
class KnownSound {
 public:
  bool Contains(const codec::Digest& what) const {
    return known_.With([&](const auto& known) { return known.contains(what); });
  }
  void Add(const codec::Digest& what) {
    known_.With([&](auto& known) {
      if (known.size() >= kMaxEntries) known.clear();
      known.insert(what);
    });
  }

 private:
  static constexpr std::size_t kMaxEntries = 1 << 18;
  base::Synchronized<std::set<codec::Digest>> known_;
};

}  // namespace holdfast::upkeep
