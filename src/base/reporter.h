// How long work talks to whoever started it, without knowing whether that is a terminal, a log or a
// test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::base {

// Thread-safe. Never throws.
class Reporter {
 public:
  virtual ~Reporter() = default;
  // Something worth knowing.
  virtual void Note(std::string_view text) = 0;
  // Something the user should look at. Whoever warns also records it in its result: a Reporter may
  // discard it.
  virtual void Warn(std::string_view text) = 0;
  // A phase of known size begins ("reading", 2.1 GiB); Advance counts towards it. total_bytes 0:
  // unknown.
  virtual void BeginPhase(std::string_view name, std::uint64_t total_bytes) = 0;
  virtual void Advance(std::uint64_t bytes) = 0;
  virtual void EndPhase() = 0;
};

// Says nothing.
class NullReporter final : public Reporter {
 public:
  void Note(std::string_view) override {}
  void Warn(std::string_view) override {}
  void BeginPhase(std::string_view, std::uint64_t) override {}
  void Advance(std::uint64_t) override {}
  void EndPhase() override {}
};

}  // namespace holdfast::base
