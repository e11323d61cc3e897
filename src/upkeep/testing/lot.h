// What a schedule draws by lot. The same seed draws the same on every machine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "base/clock.h"

namespace holdfast::upkeep {

class Lot {
 public:
  explicit Lot(std::uint64_t seed) : engine_(seed) {}

  // From 0 up to, but not including, 1.
  double Share() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }
  bool Chance(double share) { return Share() < share; }
  std::size_t Below(std::size_t count) { return engine_() % count; }
  base::Duration UpTo(base::Duration longest) { return Between(base::Duration(0), longest); }
  base::Duration Between(base::Duration shortest, base::Duration longest) {
    const auto range = static_cast<double>((longest - shortest).count());
    return shortest + base::Duration(static_cast<std::int64_t>(range * Share()));
  }
  // Mostly much shorter: every order of magnitude down to a millisecond is as likely as any other.
  // In whole numbers, so that no machine rounds it otherwise.
  base::Duration Latency(base::Duration longest) {
    std::size_t magnitudes = 1;
    base::Duration scale = std::chrono::milliseconds(1);
    for (base::Duration next = scale * 10; next <= longest; next *= 10) ++magnitudes;
    for (std::size_t times = Below(magnitudes); times > 0; --times) scale *= 10;
    return std::min(longest, scale + scale * static_cast<std::int64_t>(Below(9000)) / 1000);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace holdfast::upkeep
