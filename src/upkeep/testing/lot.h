// What a schedule draws by lot. The same seed draws the same on every machine.
#pragma once

#include <cmath>
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
  base::Duration Latency(base::Duration longest) {
    const double magnitudes = std::log10(static_cast<double>(longest.count()) / 1000);
    return base::Duration(static_cast<std::int64_t>(1000 * std::pow(10, magnitudes * Share())));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace holdfast::upkeep
