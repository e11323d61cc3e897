#include "cli/backup_json.h"

#include <fmt/format.h>

#include <string>

#include "base/counted.h"
#include "base/size_text.h"
#include "pg/lsn.h"

namespace holdfast::cli {
namespace {

// How many are thin is enough here.
nlohmann::json OlderPacksJson(const catalog::ClusterFacts& facts) {
  if (!facts.older_packs) return nullptr;
  return {{"packs", facts.older_packs->packs},
          {"live_bytes", facts.older_packs->live_bytes},
          {"total_bytes", facts.older_packs->total_bytes},
          {"thin", facts.older_packs->thin.size()}};
}

void AddClusterFacts(nlohmann::json& object, const catalog::ClusterFacts& facts) {
  object.update({{"method", facts.method},
                 {"changes_from", catalog::ChangesFromName(facts.changes_from)},
                 {"why_all_read", facts.why_all_read.empty() ? nlohmann::json()
                                                             : nlohmann::json(facts.why_all_read)},
                 {"server_version", facts.server_version},
                 {"data_checksums", facts.data_checksums},
                 {"start_lsn", pg::FormatLsn(facts.start_lsn)},
                 {"stop_lsn", pg::FormatLsn(facts.stop_lsn)},
                 {"timeline", facts.timeline.value()},
                 {"system_identifier", std::to_string(facts.system.value())},
                 {"bytes_source", facts.bytes_source},
                 {"bytes_read", facts.bytes_read},
                 {"bytes_stored", facts.bytes_stored},
                 {"requests", facts.requests ? catalog::ToJson(*facts.requests) : nlohmann::json()},
                 {"pages", facts.pages},
                 {"pages_changed", facts.pages_changed},
                 {"files", facts.files}});
  nlohmann::json tablespaces = nlohmann::json::array();
  for (const catalog::TablespaceFacts& tablespace : facts.tablespaces)
    tablespaces.push_back({{"oid", tablespace.oid},
                           {"name", tablespace.name},
                           {"location", tablespace.location},
                           {"in_place", tablespace.in_place}});
  object["tablespaces"] = std::move(tablespaces);
  object["older_packs"] = OlderPacksJson(facts);
  object["audit"] = facts.audit ? catalog::ToJson(*facts.audit) : nlohmann::json();
  nlohmann::json bad_pages = nlohmann::json::array();
  for (const catalog::BadPage& page : facts.bad_pages)
    bad_pages.push_back({{"path", page.path}, {"block", page.block}});
  object["bad_pages"] = std::move(bad_pages);
}

}  // namespace

nlohmann::json BackupJson(Session& session, const repo::Snapshot& snapshot,
                          const BackupMarks& marks) {
  const repo::SnapshotDraft& facts = snapshot.facts;
  nlohmann::json object = {
      {"id", snapshot.id.ToString()},
      {"source", snapshot.id.source},
      {"kind", facts.kind},
      {"started_at", session.TimeText(facts.started)},
      {"finished_at", session.TimeText(facts.finished)},
      {"parent", facts.parent ? nlohmann::json(facts.parent->ToString()) : nlohmann::json()},
      {"pinned", marks.pinned},
      {"pinned_until", marks.pinned_until ? nlohmann::json(session.TimeText(*marks.pinned_until))
                                          : nlohmann::json()},
      {"state",
       marks.lost == BackupMarks::Lost::kNo ? std::string_view("listed") : LostText(marks.lost)},
      {"labels", facts.labels},
      {"warnings", facts.warnings},
      {"packs", snapshot.pack_count},
      {"sequence", snapshot.sequence}};
  if (facts.kind == "cluster") AddClusterFacts(object, catalog::FactsOf(snapshot));
  return object;
}

std::vector<std::string> BackupRow(Session& session, const repo::Snapshot& snapshot,
                                   const BackupMarks& marks) {
  const repo::SnapshotDraft& facts = snapshot.facts;
  std::string source = base::FormatBytes(facts.tree.total_size);
  std::string stored;
  if (facts.kind == "cluster") stored = base::FormatBytes(catalog::FactsOf(snapshot).bytes_stored);
  std::string notes = ToText(marks, session.config().timezone);
  if (!facts.warnings.empty())
    notes += (notes.empty() ? "" : ", ") + base::Counted(facts.warnings.size(), "warning");
  return {snapshot.id.ToString(), facts.kind,        session.TimeForPeople(facts.finished),
          std::move(source),      std::move(stored), std::move(notes)};
}

}  // namespace holdfast::cli
