#include "cli/protection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"
#include "base/size_text.h"
#include "base/time_text.h"

namespace holdfast::cli {
namespace {

// What is written waits for tail_interval, and is on its way for seconds.
constexpr base::Duration kLateElsewhere = std::chrono::minutes(5);
// A segment is archived within seconds, or the archiver is behind.
constexpr base::Duration kLateArchiver = std::chrono::minutes(5);

class Judge {
 public:
  explicit Judge(const SourceFacts& facts) : facts_(facts) {}

  std::vector<Reason> Run() {
    JudgeBackups();
    JudgeNewest();
    if (IsCluster() || facts_.usable_clusters > 0 || !facts_.without_wal.empty()) JudgeWal();
    if (IsCluster()) JudgeServer();
    for (const CopyFacts& copy : facts_.copies) JudgeCopy(copy);
    return std::move(reasons_);
  }
  std::vector<Reason> RunForCopies() {
    for (const CopyFacts& copy : facts_.copies) JudgeCopy(copy);
    return std::move(reasons_);
  }

 private:
  bool IsCluster() const {
    return facts_.configured != nullptr && facts_.configured->type == config::SourceType::kPostgres;
  }
  bool Streams() const { return facts_.configured->wal != config::WalMode::kPush; }

  void Add(Protection severity, std::string text, std::string hint) {
    reasons_.push_back({severity, std::move(text), std::move(hint)});
  }
  void Attention(std::string text, std::string hint) {
    Add(Protection::kAttention, std::move(text), std::move(hint));
  }
  std::string BackUpHint() const {
    return fmt::format("take one: holdfast backup {}", facts_.source);
  }

  void JudgeBackups() {
    for (const SourceFacts::Damaged& damaged : facts_.damaged)
      Attention(fmt::format("backup {} cannot be read: {}", damaged.id, damaged.text),
                fmt::format("look closer: holdfast verify {}", facts_.source));
    for (const SourceFacts::Damaged& backup : facts_.incomplete)
      Attention(fmt::format("backup {} cannot be restored whole: {}", backup.id, backup.text),
                fmt::format("bring it back from a copy: holdfast repair {}; and {}", facts_.source,
                            BackUpHint()));
    if (facts_.backups > 0 && facts_.incomplete.size() == facts_.backups)
      Add(Protection::kUnprotected, "no backup can be restored whole", BackUpHint());
    if (facts_.backups == 0)
      return Add(Protection::kUnprotected, "there is no backup", BackUpHint());
    if (IsCluster() && facts_.usable_clusters == 0 && facts_.without_wal.empty())
      Attention("there are dumps only, so nothing can be recovered to a moment of choice",
                BackUpHint());
  }

  void JudgeNewest() {
    if (!facts_.newest) return;
    const NewestBackup& newest = *facts_.newest;
    if (newest.bad_pages > 0)
      Attention(
          fmt::format("the newest backup, {}, holds {}", newest.id,
                      base::Counted(newest.bad_pages, "page with a wrong checksum",
                                    "pages with wrong checksums")),
          fmt::format("the server's disk gave them so; see which: holdfast show {}", newest.id));
    for (const std::string& warning : newest.warnings)
      Attention(fmt::format("the newest backup, {}, warned: {}", newest.id, warning),
                fmt::format("see holdfast show {}", newest.id));
    if (facts_.configured == nullptr) return;
    const config::Health& health = facts_.configured->health;
    const base::Duration age = facts_.now - newest.finished;
    if (health.max_backup_age && age > *health.max_backup_age)
      Attention(
          fmt::format("the newest backup is {} old, more than max_backup_age ({})",
                      base::FormatDuration(age), base::FormatDuration(*health.max_backup_age)),
          BackUpHint());
    if (health.min_size && newest.size < *health.min_size)
      Attention(fmt::format("the newest backup holds {}, less than min_size ({})",
                            base::FormatBytes(newest.size), base::FormatBytes(*health.min_size)),
                "is that really the source? holdfast check tells which server it is");
  }

  void JudgeWal() {
    for (const std::string& id : facts_.without_wal)
      Attention(
          fmt::format("backup {} cannot be restored: WAL that it needs is not in the archive", id),
          "what is missing: holdfast wal status " + facts_.source);
    if (facts_.usable_clusters == 0 && !facts_.without_wal.empty())
      Add(Protection::kUnprotected, "no backup of the cluster can be restored", BackUpHint());
    if (!facts_.open_gap.empty())
      Add(Protection::kUnprotected,
          fmt::format("recovery ends at a gap after the newest backup: {} missing",
                      facts_.open_gap),
          fmt::format("push the segments if the server still has them, else take a backup: "
                      "holdfast backup {}",
                      facts_.source));
    if (facts_.unreached_timeline && facts_.usable_clusters > 0)
      Add(Protection::kUnprotected,
          fmt::format("no backup leads to timeline {}, which the cluster is on now",
                      *facts_.unreached_timeline),
          BackUpHint());
    for (const std::string& problem : facts_.archive_problems)
      Attention(problem, "see holdfast wal status " + facts_.source);
  }

  void JudgeCopy(const CopyFacts& copy) {
    const std::string hint = fmt::format("bring it up to date: holdfast copy {}", facts_.source);
    if (!copy.problem.empty())
      return Attention(
          fmt::format("the copy in {} cannot be read: {}", copy.repository, copy.problem),
          fmt::format("holdfast check --repository {} says what is wrong", copy.repository));
    for (const std::string& id : copy.damaged)
      Attention(fmt::format("backup {} cannot be read in the copy in {}", id, copy.repository),
                fmt::format("look closer: holdfast verify {} --repository {}", facts_.source,
                            copy.repository));
    if (copy.backups == 0)
      return Attention(fmt::format("the copy in {} holds no backup", copy.repository), hint);
    // One that is newer there was forgotten here.
    if (facts_.newest && copy.newest->id != facts_.newest->id &&
        copy.newest->finished <= facts_.newest->finished)
      Attention(fmt::format("the copy in {} lacks the newest backup, {}", copy.repository,
                            facts_.newest->id),
                hint);
    if (!copy.forward_problem.empty())
      Attention(fmt::format("WAL does not get to the copy in {}: {}", copy.repository,
                            copy.forward_problem),
                "it is tried again with the next WAL; at once: holdfast copy " + facts_.source);
    if (!copy.wal_gap.empty())
      Attention(fmt::format("the copy in {} lacks WAL behind its newest backup: {}",
                            copy.repository, copy.wal_gap),
                hint);
  }

  void JudgeServer() {
    if (!facts_.server_problem.empty())
      Attention("what is at risk is unknown: " + facts_.server_problem,
                fmt::format("holdfast check {} says what is wrong", facts_.source));
    if (facts_.other_cluster)
      Add(Protection::kUnprotected, "the server is another cluster than the one backed up",
          fmt::format(
              "after pg_upgrade or a new initdb take a backup: holdfast backup {} --new-cluster",
              facts_.source));
    if (!facts_.slot_problem.empty())
      Attention(facts_.slot_problem,
                fmt::format("take a backup so that recovery can go on from it: holdfast backup {}",
                            facts_.source));
    const auto& lag = facts_.configured->health.max_wal_lag;
    if (lag && facts_.at_risk && facts_.at_risk->time && *facts_.at_risk->time > *lag)
      Attention(
          fmt::format("WAL of {} is not in the repository yet, more than max_wal_lag ({})",
                      base::FormatDuration(*facts_.at_risk->time), base::FormatDuration(*lag)),
          "see holdfast wal status " + facts_.source);
    if (Streams()) JudgeReceiver();
    if (!facts_.archiver) return;
    if (auto reason = JudgeArchiver(*facts_.configured, *facts_.archiver))
      reasons_.push_back(*std::move(reason));
  }

  void JudgeReceiver() {
    const bool here = facts_.receiver && facts_.receiver->running;
    const bool elsewhere = !here && facts_.receiver_connected.value_or(false);
    // What one that ended here has left is old when another runs.
    if (elsewhere) return JudgeReceiverElsewhere();
    if (facts_.receiver && !facts_.receiver->problem.empty())
      Attention("the WAL receiver: " + facts_.receiver->problem,
                "see holdfast wal status " + facts_.source);
    if (here) return;
    const std::string start = fmt::format("start it: holdfast wal stream {}", facts_.source);
    if (facts_.receiver_connected)
      return Attention(
          "no WAL receiver runs: what is written now is on the server alone, where a slot keeps it "
          "until the disk is full",
          start);
    Attention("no WAL receiver runs on this host, and whether one does elsewhere is unknown",
              start);
  }

  // All that is known of it here is that it is connected; whether its repository answers, what it
  // has stored tells.
  void JudgeReceiverElsewhere() {
    if (facts_.configured->health.max_wal_lag || !facts_.at_risk || !facts_.at_risk->time) return;
    const base::Duration late = *facts_.at_risk->time;
    if (late <= kLateElsewhere + facts_.configured->tail_interval) return;
    Attention(fmt::format("WAL of {} is not in the repository yet, though a receiver on another "
                          "host is connected to the server",
                          base::FormatDuration(late)),
              fmt::format("what keeps it is told there: holdfast wal status {}", facts_.source));
  }

  const SourceFacts& facts_;
  std::vector<Reason> reasons_;
};

}  // namespace

std::string_view ProtectionName(Protection protection) {
  switch (protection) {
    case Protection::kProtected:
      return "protected";
    case Protection::kAttention:
      return "attention";
    case Protection::kUnknown:
      return "unknown";
    case Protection::kUnprotected:
      break;
  }
  return "unprotected";
}

std::vector<Reason> JudgeProtection(const SourceFacts& facts) { return Judge(facts).Run(); }

std::optional<Reason> JudgeArchiver(const config::Source& source, const ArchiverFacts& archiver) {
  const auto attention = [](std::string text, std::string hint) {
    return Reason{Protection::kAttention, std::move(text), std::move(hint)};
  };
  const std::string check = fmt::format("holdfast check {} looks at archive_command", source.name);
  if (archiver.off)
    return attention("the server does not archive its WAL: archive_mode is off",
                     fmt::format("set archive_mode and archive_command: holdfast check {} says how",
                                 source.name));
  if (!archiver.failed.empty())
    return attention(
        fmt::format("the server's archiver fails: its last attempt, of {}, did", archiver.failed),
        "the server's log says why, and until it is mended WAL is on the server alone; " + check);
  // A source that streams as well has its WAL from there.
  if (archiver.waiting.empty() || source.wal != config::WalMode::kPush) return std::nullopt;
  if (!archiver.waiting_for)
    return attention(fmt::format("segment {} is not in the repository, and the server does not "
                                 "have it any more",
                                 archiver.waiting),
                     fmt::format("{}; then take a backup: holdfast backup {}", check, source.name));
  if (*archiver.waiting_for <= source.health.max_wal_lag.value_or(kLateArchiver))
    return std::nullopt;
  return attention(fmt::format("segment {} was finished {} ago and is not in the repository",
                               archiver.waiting, base::FormatDuration(*archiver.waiting_for)),
                   "does the server's archiver keep up, and where does it push to? " + check);
}

std::vector<Reason> JudgeCopies(const SourceFacts& facts) { return Judge(facts).RunForCopies(); }

Protection WorstOf(const std::vector<Reason>& reasons) {
  Protection worst = Protection::kProtected;
  for (const Reason& reason : reasons) worst = std::max(worst, reason.severity);
  return worst;
}

std::optional<AtRisk> RiskOf(const RiskInput& input) {
  if (!input.server || !input.stored) return std::nullopt;
  if (*input.server <= *input.stored) return AtRisk{.bytes = 0, .time = base::Duration(0)};
  AtRisk risk{.bytes = *input.server - *input.stored};
  if (input.last_stored) risk.time = std::max(input.now - *input.last_stored, base::Duration(0));
  return risk;
}

int NagiosCode(Protection protection) {
  switch (protection) {
    case Protection::kProtected:
      return 0;
    case Protection::kAttention:
      return 1;
    case Protection::kUnprotected:
      return 2;
    case Protection::kUnknown:
      break;
  }
  return 3;
}

std::string_view NagiosWord(Protection protection) {
  switch (protection) {
    case Protection::kProtected:
      return "OK";
    case Protection::kAttention:
      return "WARNING";
    case Protection::kUnprotected:
      return "CRITICAL";
    case Protection::kUnknown:
      break;
  }
  return "UNKNOWN";
}

}  // namespace holdfast::cli
