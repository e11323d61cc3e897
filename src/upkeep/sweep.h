// Reads objects whole, several at a time, and sees whether they are what was written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/reporter.h"
#include "storage/storage.h"
#include "upkeep/damage_log.h"

namespace holdfast::upkeep {

// What is done with the contents, from any thread.
struct SweepVisitor {
  std::function<void(const std::string& name, base::ByteView contents)> sound;
  std::function<void(const std::string& name, base::ByteView contents, const std::string& problem)>
      altered;
};

struct SweptTotals {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

struct SweepOptions {
  int jobs = 1;
  std::size_t count = 0;
  // The object of a number below `count`; called from any thread.
  std::function<storage::ObjectInfo(std::size_t)> object;
};

// Without a key. Memory: one object for each job. An object that is gone by the time it is read is
// skipped: what still needs it says so itself. One that looks altered is read once more, since the
// damage may have happened on the way: if it is sound then, that is an oddity.
SweptTotals Sweep(storage::Storage& storage, const SweepOptions& options,
                  const SweepVisitor& visitor, base::Reporter& report, DamageLog& log,
                  const std::stop_token& stop);

}  // namespace holdfast::upkeep
