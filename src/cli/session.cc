#include "cli/session.h"

#include <utility>

#include "base/time_text.h"
#include "cli/terminal_reporter.h"

namespace holdfast::cli {

Session::Session(const Invocation& invocation, GlobalOptions options)
    : invocation_(&invocation),
      options_(std::move(options)),
      reporter_(std::make_unique<TerminalReporter>(
          *invocation.err, *invocation.clock,
          TerminalReporterOptions{.terminal = invocation.talk_on_terminal,
                                  .quiet = options_.quiet,
                                  .progress = !options_.no_progress && !options_.quiet,
                                  .width = TerminalWidth})) {}

config::LoadOptions Session::load_options() const {
  config::LoadOptions load{.file = {},
                           .environment = invocation_->environment,
                           .working_directory = invocation_->working_directory,
                           .superuser = invocation_->superuser};
  if (!options_.config.empty()) load.file = options_.config;
  return load;
}

const config::Config& Session::config() {
  if (!config_) config_ = config::Load(load_options());
  return *config_;
}

void Session::PrintJson(const nlohmann::json& value) const {
  // Names of files need not be UTF-8; JSON must be.
  out() << value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

std::string Session::TimeText(base::Time time) {
  return base::FormatRfc3339(time, config().timezone);
}

std::string Session::TimeForPeople(base::Time time) {
  return base::FormatForPeople(time, config().timezone);
}

std::shared_ptr<storage::RequestMeter> Session::meter(const std::string& repository) {
  return meters_.With([&](auto& meters) {
    std::shared_ptr<storage::RequestMeter>& meter = meters[repository];
    if (!meter) meter = std::make_shared<storage::RequestMeter>();
    return meter;
  });
}

}  // namespace holdfast::cli
