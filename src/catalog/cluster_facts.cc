#include "catalog/cluster_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/time_text.h"

namespace holdfast::catalog {

namespace {

nlohmann::json TablespaceToJson(const TablespaceFacts& tablespace) {
  return {{"oid", tablespace.oid},
          {"name", tablespace.name},
          {"location", tablespace.location},
          {"in_place", tablespace.in_place}};
}

TablespaceFacts TablespaceFromJson(const nlohmann::json& json) {
  return {.oid = json.at("oid"),
          .name = json.at("name"),
          .location = json.at("location"),
          .in_place = json.at("in_place")};
}

// Microseconds since 1970: exact, and free of zones.
std::int64_t ToMicroseconds(base::Time time) { return time.time_since_epoch().count(); }
base::Time FromMicroseconds(const nlohmann::json& json) {
  return base::Time(base::Duration(json.get<std::int64_t>()));
}

RequestFacts RequestsFromJson(const nlohmann::json& json) {
  return {.put = json.at("put"),
          .list = json.at("list"),
          .get = json.at("get"),
          .head = json.at("head"),
          .remove = json.at("delete"),
          .bytes_sent = json.at("bytes_sent"),
          .bytes_received = json.at("bytes_received")};
}

std::vector<BadPage> PagesFromJson(const nlohmann::json& json) {
  std::vector<BadPage> pages;
  for (const auto& page : json)
    pages.push_back({.path = page.at("path"), .block = page.at("block")});
  return pages;
}

nlohmann::json ToJson(const std::vector<BadPage>& pages) {
  nlohmann::json json = nlohmann::json::array();
  for (const BadPage& page : pages) json.push_back({{"path", page.path}, {"block", page.block}});
  return json;
}

AuditFacts AuditFromJson(const nlohmann::json& json) {
  return {.pages_missed = json.at("pages_missed"),
          .missed = PagesFromJson(json.at("missed")),
          .pages_without_wal = json.at("pages_without_wal")};
}

OlderPacksFacts OlderPacksFromJson(const nlohmann::json& json) {
  OlderPacksFacts facts{.packs = json.at("packs"),
                        .live_bytes = json.at("live_bytes"),
                        .total_bytes = json.at("total_bytes"),
                        .thin = {}};
  for (const auto& pack : json.at("thin")) {
    PackUse use{.pack = {}, .live_bytes = pack.at("live"), .total_bytes = pack.at("total")};
    const base::Bytes id = base::FromHex(pack.at("pack").get<std::string>());
    if (id.size() != use.pack.bytes.size())
      throw base::Error(base::ErrorKind::kCorrupt, "a pack's id is of another length");
    std::ranges::copy(id, use.pack.bytes.begin());
    facts.thin.push_back(use);
  }
  return facts;
}

constexpr std::array kChangesFrom = {ChangesFrom::kNothing, ChangesFrom::kReading,
                                     ChangesFrom::kWal};

// Backups of earlier versions, which do not say it, read everything.
ChangesFrom ChangesFromJson(const nlohmann::json& json) {
  const std::string name =
      json.value("changes_from", std::string(ChangesFromName(ChangesFrom::kReading)));
  for (const ChangesFrom from : kChangesFrom) {
    if (ChangesFromName(from) == name) return from;
  }
  throw base::Error(base::ErrorKind::kCorrupt, fmt::format("changes_from is \"{}\"", name));
}

ClusterFacts Parse(const nlohmann::json& json) {
  ClusterFacts facts;
  facts.method = json.at("method");
  facts.changes_from = ChangesFromJson(json);
  facts.why_all_read = json.value("why_all_read", "");
  facts.server_version = json.at("server_version");
  facts.wal_segment_size = json.at("wal_segment_size");
  facts.data_checksums = json.at("data_checksums");
  facts.system = pg::SystemIdentifier(std::stoull(json.at("system").get<std::string>()));
  facts.timeline = pg::TimelineId(json.at("timeline").get<std::uint32_t>());
  facts.start_lsn = pg::ParseLsn(json.at("start_lsn").get<std::string>());
  facts.stop_lsn = pg::ParseLsn(json.at("stop_lsn").get<std::string>());
  facts.start_time = FromMicroseconds(json.at("start_time"));
  facts.stop_time = FromMicroseconds(json.at("stop_time"));
  facts.backup_label = json.at("backup_label");
  facts.tablespace_map = json.at("tablespace_map");
  for (const auto& tablespace : json.at("tablespaces")) {
    facts.tablespaces.push_back(TablespaceFromJson(tablespace));
  }
  facts.outside_files = json.at("outside_files").get<std::vector<std::string>>();
  facts.bad_pages = PagesFromJson(json.at("bad_pages"));
  facts.bytes_source = json.at("bytes_source");
  facts.bytes_read = json.at("bytes_read");
  facts.bytes_stored = json.at("bytes_stored");
  facts.pages_changed = json.at("pages_changed");
  facts.pages = json.at("pages");
  facts.files = json.at("files");
  if (json.contains("audit")) facts.audit = AuditFromJson(json.at("audit"));
  if (json.contains("older_packs")) facts.older_packs = OlderPacksFromJson(json.at("older_packs"));
  if (json.contains("requests")) facts.requests = RequestsFromJson(json.at("requests"));
  return facts;
}

}  // namespace

nlohmann::json ToJson(const RequestFacts& requests) {
  return {{"put", requests.put},
          {"list", requests.list},
          {"get", requests.get},
          {"head", requests.head},
          {"delete", requests.remove},
          {"bytes_sent", requests.bytes_sent},
          {"bytes_received", requests.bytes_received}};
}

nlohmann::json ToJson(const OlderPacksFacts& packs) {
  nlohmann::json thin = nlohmann::json::array();
  for (const PackUse& use : packs.thin) {
    thin.push_back({{"pack", base::ToHex(use.pack.bytes)},
                    {"live", use.live_bytes},
                    {"total", use.total_bytes}});
  }
  return {{"packs", packs.packs},
          {"live_bytes", packs.live_bytes},
          {"total_bytes", packs.total_bytes},
          {"thin", std::move(thin)}};
}

nlohmann::json ToJson(const AuditFacts& audit) {
  return {{"pages_missed", audit.pages_missed},
          {"missed", ToJson(audit.missed)},
          {"pages_without_wal", audit.pages_without_wal}};
}

std::string_view ChangesFromName(ChangesFrom from) {
  switch (from) {
    case ChangesFrom::kNothing:
      return "nothing";
    case ChangesFrom::kReading:
      return "reading";
    case ChangesFrom::kWal:
      return "wal";
  }
  return "";
}

nlohmann::json ToJson(const ClusterFacts& facts) {
  nlohmann::json json = {
      {"method", facts.method},
      {"changes_from", ChangesFromName(facts.changes_from)},
      {"why_all_read", facts.why_all_read},
      {"server_version", facts.server_version},
      {"wal_segment_size", facts.wal_segment_size},
      {"data_checksums", facts.data_checksums},
      {"system", std::to_string(facts.system.value())},
      {"timeline", facts.timeline.value()},
      {"start_lsn", pg::FormatLsn(facts.start_lsn)},
      {"stop_lsn", pg::FormatLsn(facts.stop_lsn)},
      {"start_time", ToMicroseconds(facts.start_time)},
      {"stop_time", ToMicroseconds(facts.stop_time)},
      {"backup_label", facts.backup_label},
      {"tablespace_map", facts.tablespace_map},
      {"tablespaces", nlohmann::json::array()},
      {"outside_files", facts.outside_files},
      {"bad_pages", ToJson(facts.bad_pages)},
      {"bytes_source", facts.bytes_source},
      {"bytes_read", facts.bytes_read},
      {"bytes_stored", facts.bytes_stored},
      {"pages_changed", facts.pages_changed},
      {"pages", facts.pages},
      {"files", facts.files},
  };
  if (facts.audit) json["audit"] = ToJson(*facts.audit);
  if (facts.older_packs) json["older_packs"] = ToJson(*facts.older_packs);
  if (facts.requests) json["requests"] = ToJson(*facts.requests);
  for (const auto& tablespace : facts.tablespaces) {
    json["tablespaces"].push_back(TablespaceToJson(tablespace));
  }
  return json;
}

ClusterFacts FactsOf(const repo::Snapshot& snapshot) {
  try {
    return Parse(snapshot.facts.attributes);
  } catch (const std::exception& error) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("the facts of backup {} cannot be read: {}",
                                  snapshot.id.ToString(), error.what()),
                      {"a newer holdfast may have written it: try with that version"});
  }
}

std::vector<ClusterBackup> ClusterBackups(
    const repo::Repository& repository, std::string_view source,
    const std::function<void(const repo::BackupId&, const base::Error&)>& damaged) {
  std::vector<ClusterBackup> backups;
  for (repo::Snapshot& snapshot : repo::ReadSnapshots(repository, source, damaged)) {
    if (snapshot.facts.kind != kClusterKind) continue;
    try {
      ClusterFacts facts = FactsOf(snapshot);
      backups.push_back({.snapshot = std::move(snapshot), .facts = std::move(facts)});
    } catch (const base::Error& error) {
      if (!damaged) throw;
      damaged(snapshot.id, error);
    }
  }
  return backups;
}

}  // namespace holdfast::catalog
