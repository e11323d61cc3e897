#include "cli/probe_store.h"

#include <fmt/format.h>

#include "cli/open_storage.h"
#include "storage/s3_probe.h"

namespace holdfast::cli {

namespace {

using Grade = storage::StoreFinding::Grade;

// Somebody waits for the answer.
constexpr std::chrono::seconds kPatience{30};

CheckState StateOf(Grade grade) {
  switch (grade) {
    case Grade::kGood:
    case Grade::kWorthKnowing:
      return CheckState::kOk;
    case Grade::kAttention:
      return CheckState::kAttention;
    case Grade::kUnfit:
      break;
  }
  return CheckState::kRefused;
}

}  // namespace

std::vector<storage::StoreFinding> ProbeStore(Session& session,
                                              const config::Repository& repository) {
  if (!storage::IsS3(repository.url)) return {};
  storage::OpenOptions options = StorageOptions(session, repository);
  options.retry.deadline = kPatience;
  return base::WithContext([&] { return Describe(repository); },
                           [&] {
                             const auto storage = storage::OpenS3(repository.url, options);
                             return storage::ProbeS3(*storage);
                           });
}

CheckItem ToCheckItem(const storage::StoreFinding& finding) {
  return {finding.name, StateOf(finding.grade), finding.words, finding.hint};
}

void RefuseUnfit(const config::Repository& repository,
                 const std::vector<storage::StoreFinding>& findings) {
  for (const storage::StoreFinding& finding : findings) {
    if (finding.grade != Grade::kUnfit) continue;
    throw base::Error(base::ErrorKind::kConflict,
                      fmt::format("{}: {}: {}", Describe(repository), finding.name, finding.words),
                      {finding.hint});
  }
}

}  // namespace holdfast::cli
