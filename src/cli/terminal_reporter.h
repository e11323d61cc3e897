// Talks to a person (a bar that redraws itself) or to a log (a line now and then).
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <ostream>
#include <string>

#include "base/clock.h"
#include "base/reporter.h"

namespace holdfast::cli {

struct TerminalReporterOptions {
  bool terminal = false;
  bool quiet = false;  // warnings only
  bool progress = true;
  std::function<int()> width = {};  // columns; asked at every redraw
};

// Columns of the terminal behind standard error; 80 when it will not say.
int TerminalWidth();

class TerminalReporter final : public base::Reporter {
 public:
  TerminalReporter(std::ostream& err, base::Clock& clock, TerminalReporterOptions options);
  ~TerminalReporter() override;

  void Note(std::string_view text) override;
  void Warn(std::string_view text) override;
  void BeginPhase(std::string_view name, std::uint64_t total_bytes) override;
  void Advance(std::uint64_t bytes) override;
  void EndPhase() override;

 private:
  using Instant = std::chrono::steady_clock::time_point;

  void Line(std::string_view text);
  void Draw(Instant now);
  void Erase();
  void Finish();

  std::mutex mutex_;
  std::ostream& err_;
  base::Clock& clock_;
  TerminalReporterOptions options_;
  bool in_phase_ = false;
  bool drawn_ = false;
  std::string phase_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  Instant began_;
  Instant last_draw_;
};

// "reading  [#####.....]  42 %  1.2 GiB of 2.9 GiB  310 MiB/s  5 s left", no wider than `width`.
struct Progress {
  std::string_view phase;
  std::uint64_t done = 0;
  std::uint64_t total = 0;  // 0: unknown
  std::chrono::steady_clock::duration elapsed{};
};
std::string ProgressLine(const Progress& progress, int width);
// The same for a log, without a bar.
std::string ProgressText(const Progress& progress);

}  // namespace holdfast::cli
