#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/size_text.h"
#include "cli/backup_json.h"
#include "cli/chosen_backup.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/requests_made.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

class Facts {
 public:
  explicit Facts(std::ostream& out) : out_(out) {}
  void Add(std::string_view name, std::string_view value) {
    if (!value.empty()) out_ << fmt::format("{:<16}{}\n", name, Printable(value));
  }
  void Bytes(std::string_view name, std::uint64_t bytes) { Add(name, base::FormatBytes(bytes)); }

 private:
  std::ostream& out_;
};

void PrintCluster(Facts& out, const catalog::ClusterFacts& facts) {
  out.Add("server", fmt::format("PostgreSQL {}.{}, system {}", facts.server_version / 10000,
                                facts.server_version % 10000, facts.system.value()));
  out.Add("method", facts.method);
  out.Add("WAL needed", fmt::format("{} to {} on timeline {}", pg::FormatLsn(facts.start_lsn),
                                    pg::FormatLsn(facts.stop_lsn), facts.timeline.value()));
  out.Bytes("size", facts.bytes_source);
  out.Bytes("read", facts.bytes_read);
  out.Bytes("stored", facts.bytes_stored);
  if (facts.requests) out.Add("requests", RequestsText(*facts.requests));
  out.Add("pages", fmt::format("{}, {} stored anew", facts.pages, facts.pages_changed));
  out.Add("files", std::to_string(facts.files));
  if (facts.older_packs && facts.older_packs->packs > 0) {
    const catalog::OlderPacksFacts& packs = *facts.older_packs;
    out.Add("older packs",
            fmt::format("{}, of which {} % is in use; {} of them are thin", packs.packs,
                        packs.live_bytes * 100 / std::max<std::uint64_t>(packs.total_bytes, 1),
                        packs.thin.size()));
  }
  out.Add("checksums", facts.data_checksums ? "on" : "off");
  for (const catalog::TablespaceFacts& tablespace : facts.tablespaces)
    out.Add("tablespace", fmt::format("{} ({}) at {}", tablespace.name, tablespace.oid,
                                      tablespace.in_place ? "pg_tblspc" : tablespace.location));
  for (const catalog::BadPage& page : facts.bad_pages)
    out.Add("bad page", fmt::format("{} block {}", page.path, page.block));
  if (!facts.audit) return;
  out.Add("audit", fmt::format("{} changed unnamed by the WAL, {} in hint bits alone",
                               facts.audit->pages_missed, facts.audit->pages_without_wal));
  for (const catalog::BadPage& page : facts.audit->missed)
    out.Add("missed page", fmt::format("{} block {}", page.path, page.block));
}

int Show(Session& session, const std::string& backup) {
  const repo::Repository repository =
      OpenRepository(session, RepositoryForBackups(session, {backup}));
  const repo::Snapshot snapshot = repo::ReadSnapshot(repository, ChooseBackup(repository, backup));
  const repo::Pins pins = repo::ListPins(repository.storage(), snapshot.id.source);
  const BackupMarks marks = MarksOf(snapshot, pins, session.clock().Now());
  if (session.json()) {
    session.PrintJson(BackupJson(session, snapshot, marks));
    return ToInt(ExitCode::kDone);
  }
  const repo::SnapshotDraft& facts = snapshot.facts;
  Facts out(session.out());
  out.Add("backup", snapshot.id.ToString());
  out.Add("kind", facts.kind);
  out.Add("started", session.TimeForPeople(facts.started));
  out.Add("finished", session.TimeForPeople(facts.finished));
  if (facts.parent) out.Add("compared with", facts.parent->ToString());
  const std::string until =
      marks.pinned_until ? session.TimeForPeople(*marks.pinned_until) : "it is unpinned";
  if (marks.pinned) out.Add("pinned", fmt::format("until {}", until));
  for (const auto& [key, value] : facts.labels) out.Add("label", fmt::format("{}={}", key, value));
  if (facts.kind == "cluster") PrintCluster(out, catalog::FactsOf(snapshot));
  out.Add("packs", std::to_string(snapshot.pack_count));
  for (const std::string& warning : facts.warnings) out.Add("warning", warning);
  return ToInt(ExitCode::kDone);
}

}  // namespace

Command ShowCommand() {
  return {.path = "show",
          .purpose = "Show one backup in detail",
          .example = "holdfast show shop/latest",
          .declare = [](CLI::App& app) -> Action {
            const auto backup = std::make_shared<std::string>();
            app.add_option("BACKUP", *backup,
                           "source/20261121T070003Z-4f2a, a unique prefix of it, or source/latest")
                ->required();
            return [backup](Session& session) { return Show(session, *backup); };
          }};
}

}  // namespace holdfast::cli
