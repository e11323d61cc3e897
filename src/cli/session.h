// One run of one command: the global options, the configuration, and ways to speak.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "base/reporter.h"
#include "base/synchronized.h"
#include "cli/invocation.h"
#include "cli/requests_made.h"
#include "config/load.h"
#include "storage/request_meter.h"

namespace holdfast::cli {

struct GlobalOptions {
  std::string config;
  std::string repository;
  // Bytes a second, as base::ParseBytes takes them; empty: as configured.
  std::string limit_upload;
  std::string limit_download;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool no_progress = false;
};

class Session {
 public:
  Session(const Invocation& invocation, GlobalOptions options);

  const Invocation& invocation() const { return *invocation_; }
  const GlobalOptions& options() const { return options_; }
  base::Clock& clock() const { return *invocation_->clock; }
  const std::stop_token& stop() const { return invocation_->stop; }
  base::Reporter& reporter() { return *reporter_; }

  // Read on first use: a command that needs none runs with a broken one.
  const config::Config& config();
  config::LoadOptions load_options() const;

  // What this run asks of the repository of this name, over a network.
  std::shared_ptr<storage::RequestMeter> meter(const std::string& repository);
  // So far; without repositories of which nothing was asked.
  RequestsMade requests_made() const;

  // Data for standard output.
  std::ostream& out() const { return *invocation_->out; }
  bool json() const { return options_.json; }
  // What was asked of stores joins an object, as "requests_made".
  void PrintJson(const nlohmann::json& value) const;
  // RFC 3339 for JSON, in the configured zone.
  std::string TimeText(base::Time time);
  std::string TimeForPeople(base::Time time);

 private:
  const Invocation* invocation_;
  GlobalOptions options_;
  std::unique_ptr<base::Reporter> reporter_;
  std::optional<config::Config> config_;
  base::Synchronized<std::map<std::string, std::shared_ptr<storage::RequestMeter>>> meters_;
};

}  // namespace holdfast::cli
