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
  const RequestsMade made = requests_made();
  nlohmann::json whole = value;
  if (whole.is_object() && !made.empty()) whole["requests_made"] = RequestsMadeJson(made);
  // Names of files need not be UTF-8; JSON must be.
  out() << whole.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
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

RequestsMade Session::requests_made() const {
  return meters_.With([](const auto& meters) {
    RequestsMade made;
    for (const auto& [repository, meter] : meters) {
      const storage::RequestCounts counts = meter->counts();
      if (counts != storage::RequestCounts()) made[repository] = counts;
    }
    return made;
  });
}

}  // namespace holdfast::cli
