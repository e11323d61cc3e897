#include "cli/copy_report.h"

#include <fmt/format.h>

#include "base/counted.h"
#include "base/size_text.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

nlohmann::json Ids(const std::vector<repo::BackupId>& ids) {
  nlohmann::json list = nlohmann::json::array();
  for (const repo::BackupId& id : ids) list.push_back(id.ToString());
  return list;
}

}  // namespace

nlohmann::json CopyJson(const CopyRequest& request, const CopyOutcome& outcome) {
  const replicate::CopyResult& result = outcome.result;
  nlohmann::json failures = nlohmann::json::array();
  for (const replicate::CopyFailure& failure : result.failures)
    failures.push_back({{"what", failure.what},
                        {"kind", base::ErrorKindName(failure.error.kind())},
                        {"problem", failure.error.message()}});
  return {{"source", request.source},
          {"from", request.from->name},
          {"to", request.to->name},
          {"dry_run", request.dry_run},
          {"copied", Ids(result.copied)},
          {"there", Ids(outcome.there)},
          {"forgotten_there", Ids(outcome.forgotten)},
          {"not_kept_there", Ids(outcome.not_kept)},
          {"packs", result.packs},
          {"bytes_stored", result.bytes_stored},
          {"wal_files", result.log.files},
          {"wal_tails", result.log.tails},
          {"wal_bytes", result.log.bytes},
          {"failures", std::move(failures)},
          {"warnings", result.warnings}};
}

void PrintCopy(Session& session, const CopyRequest& request, const CopyOutcome& outcome) {
  const replicate::CopyResult& result = outcome.result;
  std::ostream& out = session.out();
  for (const repo::BackupId& id : result.copied)
    out << (request.dry_run ? "would copy " : "copied ") << id.ToString() << '\n';
  out << Printable(fmt::format(
             "{} from {} to {}: {}{}, {}{}; {} there", request.source, request.from->name,
             request.to->name, base::Counted(result.copied.size(), "backup"),
             request.dry_run ? " missing" : "",
             base::Counted(result.log.files + result.log.tails, "WAL file"),
             request.dry_run ? std::string(" missing")
                             : fmt::format(", {} stored", base::FormatBytes(result.bytes_stored)),
             base::Counted(outcome.there.size(), "backup was", "backups were")))
      << '\n';
  if (!outcome.not_kept.empty())
    session.reporter().Note(
        fmt::format("{} not copied, as the retention of {} would not keep {}",
                    base::Counted(outcome.not_kept.size(), "backup is", "backups are"),
                    request.to->name, outcome.not_kept.size() == 1 ? "it" : "them"));
  if (!outcome.forgotten.empty())
    session.reporter().Note(
        fmt::format("{} not copied, as {} forgotten in {}",
                    base::Counted(outcome.forgotten.size(), "backup is", "backups are"),
                    outcome.forgotten.size() == 1 ? "it was" : "they were", request.to->name));
}

void WarnOfFailures(Session& session, const CopyRequest& request,
                    const replicate::CopyResult& result) {
  for (const replicate::CopyFailure& failure : result.failures) {
    std::string text = fmt::format("not copied from {} to {}: {}: {}", request.from->name,
                                   request.to->name, failure.what, failure.error.message());
    for (const std::string& hint : failure.error.hints()) text += "; " + hint;
    session.reporter().Warn(text);
  }
}

}  // namespace holdfast::cli
