#include "cli/retention_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace holdfast::cli {
namespace {

using upkeep::NamedPolicy;

const config::Source* FindSource(const config::Config& config, const std::string& name) {
  const auto found = std::ranges::find(config.sources, name, &config::Source::name);
  return found == config.sources.end() ? nullptr : &*found;
}

const config::Copy* FindCopy(const config::Source& source, const std::string& repository) {
  const auto found = std::ranges::find(source.copies, repository, &config::Copy::repository);
  return found == source.copies.end() ? nullptr : &*found;
}

std::optional<NamedPolicy> Named(std::string name, const config::Retention& retention) {
  const upkeep::RetentionPolicy policy = PolicyOf(retention);
  if (!upkeep::KeepsAnything(policy)) return std::nullopt;
  return NamedPolicy{.name = std::move(name), .policy = policy};
}

std::optional<NamedPolicy> OfJob(const config::Job& job) {
  return Named("job " + job.name, job.retention);
}

bool Makes(const config::Job& job, const std::string& kind) {
  return kind == "dump" ? job.kind == "dump" : job.kind == "backup";
}

std::optional<NamedPolicy> OfOnlyJob(const config::Source& source, const std::string& kind) {
  std::optional<NamedPolicy> only;
  for (const config::Job& job : source.jobs_by_name) {
    std::optional<NamedPolicy> policy = Makes(job, kind) ? OfJob(job) : std::nullopt;
    if (policy && only) return std::nullopt;
    if (policy) only = std::move(policy);
  }
  return only;
}

std::optional<NamedPolicy> InOwnRepository(const config::Source& source,
                                           const repo::Snapshot& backup) {
  const auto label = backup.facts.labels.find(std::string(kJobLabel));
  if (label != backup.facts.labels.end()) {
    const auto job = std::ranges::find(source.jobs_by_name, label->second, &config::Job::name);
    if (job != source.jobs_by_name.end()) {
      if (auto policy = OfJob(*job)) return policy;
    }
  }
  if (auto policy = Named("source " + source.name, source.retention)) return policy;
  return OfOnlyJob(source, backup.facts.kind);
}

// What the source's retentions say about this repository.
std::vector<const config::Retention*> Governing(const config::Source& source,
                                                const std::string& repository) {
  std::vector<const config::Retention*> all;
  if (source.repository == repository) {
    all.push_back(&source.retention);
    for (const config::Job& job : source.jobs_by_name) all.push_back(&job.retention);
  } else if (const config::Copy* copy = FindCopy(source, repository)) {
    all.push_back(&copy->retention);
  }
  return all;
}

}  // namespace

upkeep::RetentionPolicy PolicyOf(const config::Retention& retention) {
  return {.last = retention.last,
          .hours = retention.hours,
          .days = retention.days,
          .weeks = retention.weeks,
          .months = retention.months,
          .years = retention.years,
          .fulls = retention.fulls,
          .within = retention.within};
}

std::optional<NamedPolicy> ChoosePolicy(const config::Config& config, const std::string& repository,
                                        const repo::Snapshot& backup) {
  const config::Source* source = FindSource(config, backup.id.source);
  if (source == nullptr) return std::nullopt;
  if (source->repository == repository) return InOwnRepository(*source, backup);
  const config::Copy* copy = FindCopy(*source, repository);
  if (copy == nullptr) return std::nullopt;
  return Named(fmt::format("copies of {} in {}", source->name, repository), copy->retention);
}

bool HasPolicy(const config::Source& source, const std::string& repository) {
  return std::ranges::any_of(Governing(source, repository), [](const config::Retention* retention) {
    return upkeep::KeepsAnything(PolicyOf(*retention));
  });
}

std::map<std::string, base::Duration> LogWindows(const config::Config& config,
                                                 const std::string& repository) {
  std::map<std::string, base::Duration> windows;
  for (const config::Source& source : config.sources) {
    for (const config::Retention* retention : Governing(source, repository)) {
      if (!retention->wal_days) continue;
      base::Duration& window = windows[source.name];
      window = std::max<base::Duration>(window, std::chrono::days(*retention->wal_days));
    }
  }
  return windows;
}

}  // namespace holdfast::cli
