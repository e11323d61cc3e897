#include "upkeep/testing/seeded_random.h"

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>

namespace {

std::atomic<bool> seeded = false;
std::atomic<std::uint64_t> state = 0;

// SplitMix64.
std::uint64_t Next() {
  std::uint64_t z = state.fetch_add(0x9E3779B97F4A7C15U) + 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

}  // namespace

// In place of the C library's, in the test program alone.
extern "C" ssize_t getrandom(void* buffer, std::size_t length, unsigned flags) {
  if (!seeded) return syscall(SYS_getrandom, buffer, length, flags);
  auto* bytes = static_cast<unsigned char*>(buffer);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<unsigned char>(Next());
  return static_cast<ssize_t>(length);
}

namespace holdfast::upkeep {

SeededRandom::SeededRandom(std::uint64_t seed) {
  state = seed;
  seeded = true;
}

SeededRandom::~SeededRandom() { seeded = false; }

}  // namespace holdfast::upkeep
