#include "cli/terminal_reporter.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/size_text.h"
#include "base/time_text.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

constexpr auto kBetweenDraws = std::chrono::milliseconds(100);
constexpr auto kBetweenLines = std::chrono::seconds(10);
// A rate from less than this is noise.
constexpr double kLeastSeconds = 0.5;

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::uint64_t Percent(const Progress& progress) {
  if (progress.done >= progress.total) return 100;
  // A product of two large sizes would not fit into 64 bits.
  return static_cast<std::uint64_t>(static_cast<long double>(progress.done) * 100 /
                                    static_cast<long double>(progress.total));
}

std::string RateText(const Progress& progress) {
  const double seconds = Seconds(progress.elapsed);
  if (seconds < kLeastSeconds) return {};
  const double rate = static_cast<double>(progress.done) / seconds;
  std::string text = fmt::format("  {}/s", base::FormatBytes(static_cast<std::uint64_t>(rate)));
  if (progress.total > progress.done && rate >= 1) {
    const double left = static_cast<double>(progress.total - progress.done) / rate;
    // Beyond a year nobody counts.
    if (left < 3e7)
      text += fmt::format(
          "  {} left",
          base::FormatDuration(std::chrono::seconds(static_cast<std::int64_t>(left) + 1)));
  }
  return text;
}

std::string AmountText(const Progress& progress) {
  if (progress.total == 0) return base::FormatBytes(progress.done);
  return fmt::format("{:3} %  {} of {}", Percent(progress), base::FormatBytes(progress.done),
                     base::FormatBytes(progress.total));
}

}  // namespace

int TerminalWidth() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string ProgressText(const Progress& progress) {
  return fmt::format("{}: {}{}", Printable(progress.phase), AmountText(progress),
                     RateText(progress));
}

std::string ProgressLine(const Progress& progress, int width) {
  const std::string phase = Printable(progress.phase);
  const std::string rest = AmountText(progress) + RateText(progress);
  const int bar = width - DisplayWidth(phase) - static_cast<int>(rest.size()) - 7;
  if (progress.total == 0 || bar < 5) return Clip(fmt::format("{}  {}", phase, rest), width - 1);
  const auto cells = static_cast<std::size_t>(std::min(bar, 40));
  const std::size_t full = cells * Percent(progress) / 100;
  return fmt::format("{}  [{}{}]  {}", phase, std::string(full, '#'),
                     std::string(cells - full, '.'), rest);
}

TerminalReporter::TerminalReporter(std::ostream& err, base::Clock& clock,
                                   TerminalReporterOptions options)
    : err_(err), clock_(clock), options_(std::move(options)) {}

TerminalReporter::~TerminalReporter() {
  const std::scoped_lock lock(mutex_);
  Erase();
}

void TerminalReporter::Note(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (!options_.quiet) Line(text);
}

void TerminalReporter::Warn(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  Line(fmt::format("warning: {}", text));
}

void TerminalReporter::BeginPhase(std::string_view name, std::uint64_t total_bytes) {
  const std::scoped_lock lock(mutex_);
  Finish();
  in_phase_ = true;
  phase_ = name;
  total_ = total_bytes;
  done_ = 0;
  began_ = last_draw_ = clock_.Steady();
}

void TerminalReporter::Advance(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  done_ += bytes;
  if (!in_phase_ || !options_.progress) return;
  const Instant now = clock_.Steady();
  const std::chrono::steady_clock::duration pause =
      options_.terminal ? std::chrono::steady_clock::duration(kBetweenDraws)
                        : std::chrono::steady_clock::duration(kBetweenLines);
  if (now - last_draw_ >= pause) Draw(now);
}

void TerminalReporter::EndPhase() {
  const std::scoped_lock lock(mutex_);
  Finish();
}

void TerminalReporter::Line(std::string_view text) {
  Erase();
  err_ << Printable(text) << std::endl;
}

void TerminalReporter::Draw(Instant now) {
  last_draw_ = now;
  const Progress progress{.phase = phase_, .done = done_, .total = total_, .elapsed = now - began_};
  if (!options_.terminal) return Line(ProgressText(progress));
  // Erased to the end of the line first: the last one may have been longer.
  err_ << "\r\033[K" << ProgressLine(progress, options_.width()) << std::flush;
  drawn_ = true;
}

void TerminalReporter::Erase() {
  if (drawn_) err_ << "\r\033[K" << std::flush;
  drawn_ = false;
}

void TerminalReporter::Finish() {
  if (!in_phase_) return;
  in_phase_ = false;
  Erase();
  const bool nothing_to_do = done_ == 0 && total_ == 0;
  if (!options_.progress || nothing_to_do) return;
  const auto elapsed = clock_.Steady() - began_;
  Line(fmt::format("{}: {} in {}", phase_, base::FormatBytes(done_),
                   base::FormatDuration(std::chrono::duration_cast<base::Duration>(elapsed))));
}

}  // namespace holdfast::cli
