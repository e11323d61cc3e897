#include "cli/check_items.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "base/size_text.h"
#include "pg/connection.h"
#include "pg/version.h"

namespace holdfast::cli {
namespace {

// Less is not even enough to finish what is under way.
constexpr std::uint64_t kHardlyAnyRoom = 64 * base::kMiB;
constexpr std::uint64_t kMuchHeldBack = base::kGiB;

CheckItem Ok(std::string name, std::string detail, std::string hint = {}) {
  return {std::move(name), CheckState::kOk, std::move(detail), std::move(hint)};
}
CheckItem Attention(std::string name, std::string detail, std::string hint) {
  return {std::move(name), CheckState::kAttention, std::move(detail), std::move(hint)};
}
CheckItem Failed(std::string name, std::string detail, std::string hint) {
  return {std::move(name), CheckState::kFailed, std::move(detail), std::move(hint)};
}

std::string Setting(const ServerView& server, const std::string& name) {
  const auto found = server.settings.find(name);
  return found == server.settings.end() ? "unknown" : found->second;
}

std::optional<std::uint64_t> Count(const ServerView& server, const std::string& name) {
  const std::string text = Setting(server, name);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoull(text);
}

CheckItem JudgeVersion(const ServerView& server) {
  const int major = server.version / 10000;
  const std::string text = fmt::format("PostgreSQL {}.{}", major, server.version % 10000);
  const bool known = major >= static_cast<int>(pg::MajorVersion::kOldest) &&
                     major <= static_cast<int>(pg::MajorVersion::kNewest);
  if (known) return Ok("version", text);
  return Failed(
      "version", text + " is not supported",
      fmt::format("use PostgreSQL {} to {}", pg::MajorVersion::kOldest, pg::MajorVersion::kNewest));
}

CheckItem JudgeOn(const ServerView& server, const std::string& name, std::string_view danger) {
  const std::string value = Setting(server, name);
  if (value == "on") return Ok(name, "on");
  return Attention(name, fmt::format("{}: {}", value, danger),
                   fmt::format("ALTER SYSTEM SET {} = on; SELECT pg_reload_conf()", name));
}

std::string GrantsHint(const ServerView& server) {
  return fmt::format(
      "run, as a superuser in the connection's database, what `holdfast check {} "
      "--grants` prints",
      server.source);
}

CheckItem Right(const ServerView& server, std::string name, bool there, CheckState otherwise) {
  if (there) return Ok(std::move(name), "granted");
  CheckItem item{std::move(name), otherwise, {}, GrantsHint(server)};
  item.detail = fmt::format("role {} does not have it", server.role);
  return item;
}

CheckItem JudgeReceiversSlot(const ServerView& server, std::string_view name) {
  if (!server.slot)
    return Ok("slot", fmt::format("{} is made by the receiver's first start", name));
  const std::string drop = fmt::format(
      "SELECT pg_drop_replication_slot('{}'), restart the receiver, and take a backup", name);
  if (server.slot->logical)
    return Failed("slot", fmt::format("{} is a logical slot of somebody else", name),
                  "choose another slot_name for the source");
  if (server.slot->wal_status == "lost" || !server.slot->restart_lsn)
    return Failed("slot", fmt::format("{} is lost: the server dropped WAL it was to keep", name),
                  drop);
  const std::string held =
      server.slot_holds_back
          ? fmt::format("{} holds back {} of WAL", name, base::FormatBytes(*server.slot_holds_back))
          : fmt::format("how much WAL {} holds back is unknown", name);
  if (server.slot->wal_status == "unreserved")
    return Attention(
        "slot", held + ", and is about to lose it",
        fmt::format("see that the receiver runs: holdfast wal status {}", server.source));
  if (server.slot_holds_back.value_or(0) > kMuchHeldBack)
    return Attention(
        "slot", held,
        fmt::format("see that the receiver runs: holdfast wal status {}", server.source));
  return Ok("slot", held);
}

CheckItem JudgeSlotLimit(const ServerView& server) {
  const std::string limit = Setting(server, "max_slot_wal_keep_size");
  if (limit == "-1")
    return Ok("slot_limit",
              "max_slot_wal_keep_size = -1: while the receiver is away the server keeps WAL until "
              "its disk is full",
              "set what the disk can spare: max_slot_wal_keep_size = '50GB'");
  return Ok("slot_limit", fmt::format("max_slot_wal_keep_size = {} MB", limit));
}

CheckItem JudgeFree(std::string name, const std::optional<std::uint64_t>& most, std::uint64_t used,
                    std::uint64_t needed) {
  const std::string raise = fmt::format("raise max_{} on the server (needs a restart)", name);
  if (!most) return Attention(std::move(name), "how many there are is unknown", raise);
  const std::uint64_t left = *most > used ? *most - used : 0;
  std::string detail = fmt::format("{} of {} free", left, *most);
  if (left >= needed) return Ok(std::move(name), std::move(detail));
  return Attention(std::move(name), fmt::format("{}, {} wanted", detail, needed), raise);
}

// What `--source NAME`, `--source=NAME` and `--source "NAME"` name in a command of the shell;
// without what only the shell knows.
std::vector<std::string> SourcesNamedIn(std::string_view command) {
  constexpr std::string_view kOption = "--source";
  std::vector<std::string> names;
  for (std::size_t at = command.find(kOption); at != std::string_view::npos;
       at = command.find(kOption)) {
    command.remove_prefix(at + kOption.size());
    if (command.find_first_of("= \t\n") != 0) continue;
    command.remove_prefix(std::min(command.find_first_not_of("= \t\n"), command.size()));
    const bool quoted = command.starts_with('"') || command.starts_with('\'');
    const std::string_view ends = quoted ? command.substr(0, 1) : std::string_view(" \t\n;&|()<>");
    if (quoted) command.remove_prefix(1);
    const std::string_view name = command.substr(0, command.find_first_of(ends));
    if (!name.empty() && name.find_first_of("$`\\") == std::string_view::npos)
      names.emplace_back(name);
  }
  return names;
}

bool SameName(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// A quoted name may hold anything, a doubled quote for one.
std::vector<std::string> ListedStandbys(std::string_view names) {
  std::vector<std::string> listed;
  std::string name;
  bool quoted = false;
  const auto end_name = [&] {
    if (!name.empty()) listed.push_back(std::exchange(name, {}));
  };
  for (const char c : names) {
    if (c == '"') {
      if (!quoted && !name.empty()) name += c;  // the second of two, and not the end
      quoted = !quoted;
    } else if (quoted) {
      name += c;
    } else if (c == '(') {
      name.clear();  // what came before says how many
      listed.clear();
    } else if (c == ',' || c == ')') {
      end_name();
    } else if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      name += c;
    }
  }
  end_name();
  return listed;
}

bool Waits(std::string_view synchronous_commit) {
  constexpr std::string_view kNotAtAll[] = {"local", "off", "false", "no", "0"};
  return std::ranges::find(kNotAtAll, synchronous_commit) == std::end(kNotAtAll);
}

// The names do not name this source's receiver.
CheckItem JudgeOtherNames(const ServerView& server, std::string_view names) {
  const std::string usual = pg::ConnectOptions().application_name;
  const bool connected = std::ranges::any_of(
      server.standbys, [&](const std::string& standby) { return SameName(standby, usual); });
  if (!NamesStandby(names, usual) || connected)
    return Ok("synchronous", "no commit waits for holdfast");
  return Failed("synchronous",
                fmt::format("synchronous_standby_names names {}, but the source's connection calls "
                            "itself {}: commits would wait for ever",
                            usual, server.application_name),
                fmt::format("take application_name out of the source's connection, or write {} in "
                            "synchronous_standby_names",
                            server.application_name));
}

// Of commits that are to wait for a receiver.
CheckItem JudgeWaiting(const ServerView& server) {
  const std::string name = "synchronous";
  const std::string value = Setting(server, "synchronous_commit");
  std::string without;
  bool some_wait = Waits(value);
  for (const CommitSetting& setting : server.commit_settings) {
    some_wait = some_wait || Waits(setting.value);
    if (Waits(setting.value)) continue;
    without += fmt::format("{}{} ({})", without.empty() ? "" : ", ", setting.who, setting.value);
  }
  const std::string hint =
      "set synchronous_commit = on, also where ALTER ROLE or ALTER DATABASE set it, or take the "
      "name out of synchronous_standby_names";
  if (!some_wait)
    return Failed(name,
                  fmt::format("synchronous_commit = {}: no commit waits for the receiver, though "
                              "synchronous_standby_names names it",
                              value),
                  hint);
  if (!Waits(value))
    return Attention(name,
                     fmt::format("synchronous_commit = {}: commits wait for the receiver only "
                                 "where a role or a database says so",
                                 value),
                     hint);
  if (!without.empty())
    return Attention(
        name,
        fmt::format("commits do not wait for the receiver by synchronous_commit of {}", without),
        hint);
  return Ok(name, "commits wait until the receiver has their WAL; while it is down they wait");
}

}  // namespace

std::string_view CheckStateName(CheckState state) {
  switch (state) {
    case CheckState::kOk:
      return "ok";
    case CheckState::kAttention:
      return "attention";
    case CheckState::kFailed:
      return "failed";
    case CheckState::kRefused:
      break;
  }
  return "refused";
}

ExitCode ExitCodeOf(const std::vector<CheckItem>& items) {
  CheckState worst = CheckState::kOk;
  for (const CheckItem& item : items) worst = std::max(worst, item.state);
  if (worst == CheckState::kRefused) return ExitCode::kRefused;
  if (worst == CheckState::kFailed)
    return std::ranges::find(items, CheckState::kFailed, &CheckItem::state)->code;
  return worst == CheckState::kOk ? ExitCode::kDone : ExitCode::kAttention;
}

std::vector<CheckItem> JudgeServer(const ServerView& server) {
  std::vector<CheckItem> items = {JudgeVersion(server)};
  items.push_back(Ok("role", server.in_recovery ? "the server is a standby: backups spare the "
                                                  "primary, and are as new as what it has replayed"
                                                : "the server is a primary"));
  const std::string level = Setting(server, "wal_level");
  items.push_back(level == "replica" || level == "logical"
                      ? Ok("wal_level", level)
                      : Failed("wal_level", level + " is not enough to recover from",
                               "ALTER SYSTEM SET wal_level = replica, then restart the server"));
  items.push_back(JudgeOn(server, "fsync", "a crash of the machine can destroy the cluster"));
  items.push_back(JudgeOn(server, "full_page_writes", "a crash can leave torn pages"));
  return items;
}

std::vector<CheckItem> JudgeRights(const ServerView& server) {
  std::vector<CheckItem> items = {
      Right(server, "REPLICATION", server.replicates, CheckState::kFailed),
      Right(server, "pg_read_all_settings", server.reads_settings, CheckState::kFailed),
      // For configuration outside the data directory.
      Right(server, "pg_read_server_files", server.reads_files, CheckState::kAttention)};
  for (const std::string& function : server.granted)
    items.push_back(Right(server, function, true, CheckState::kOk));
  for (const std::string& function : server.missing)
    items.push_back(Right(server, function, false, CheckState::kFailed));
  return items;
}

std::vector<CheckItem> JudgeSlots(const ServerView& server, std::string_view slot_name) {
  // The receiver's, and a backup's temporary one.
  const std::uint64_t slots = server.slot ? 1 : 2;
  std::vector<CheckItem> items = {
      JudgeFree("replication_slots", Count(server, "max_replication_slots"), server.slots_used,
                slots),
      JudgeFree("wal_senders", Count(server, "max_wal_senders"), server.senders_used, 1),
      JudgeReceiversSlot(server, slot_name), JudgeSlotLimit(server)};
  if (const auto idle = Count(server, "idle_replication_slot_timeout"); idle && *idle > 0)
    items.push_back(Attention("idle_slots",
                              "idle_replication_slot_timeout is set, and the receiver's slot "
                              "counts as idle on a quiet server",
                              "ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT "
                              "pg_reload_conf()"));
  return items;
}

CheckItem JudgeSynchronous(const ServerView& server, WalWay way) {
  const std::string name = "synchronous";
  const std::string names = Setting(server, "synchronous_standby_names");
  if (!NamesStandby(names, server.application_name)) return JudgeOtherNames(server, names);
  if (way != WalWay::kReplication)
    return Failed(name,
                  fmt::format("synchronous_standby_names names {}, but no receiver acknowledges: "
                              "commits would wait for ever",
                              server.application_name),
                  way == WalWay::kSql
                      ? "let the role replicate by a line in pg_hba.conf: host replication ROLE "
                        "ADDRESS scram-sha-256; or take the name out of synchronous_standby_names"
                      : "stream WAL (wal = \"stream\"), or take the name out of "
                        "synchronous_standby_names");
  const auto applies = [](const CommitSetting& setting) { return setting.value == "remote_apply"; };
  if (Setting(server, "synchronous_commit") == "remote_apply" ||
      std::ranges::any_of(server.commit_settings, applies))
    return Failed(name,
                  "synchronous_commit = remote_apply would wait for ever: a receiver applies "
                  "nothing",
                  "set synchronous_commit = on, also where ALTER ROLE or ALTER DATABASE set it");
  return JudgeWaiting(server);
}

CheckItem JudgeArchiving(const ServerView& server) {
  const std::string name = "archive_command";
  const std::string hint = fmt::format(
      "archive_mode = on (needs a restart), archive_command = 'holdfast wal push --source {} "
      "\"%p\"'",
      server.source);
  const std::string mode = Setting(server, "archive_mode");
  if (mode != "on" && mode != "always")
    return Failed(name, fmt::format("archive_mode is {}", mode), hint);
  const std::string command = Setting(server, "archive_command");
  if (command.find("holdfast") == std::string::npos)
    return Failed(name, "archive_command does not call holdfast", hint);
  const std::vector<std::string> named = SourcesNamedIn(command);
  if (!named.empty() && std::ranges::find(named, server.source) == named.end())
    return Failed(name,
                  fmt::format("archive_command pushes to the source {}, and not to {}",
                              named.front(), server.source),
                  hint);
  if (server.archiving_fails)
    return Attention(name, "the last attempt to archive failed",
                     "the server's log says why; see also pg_stat_archiver");
  return Ok(name, "archive_command calls holdfast");
}

bool NamesStandby(std::string_view names, std::string_view application_name) {
  const std::vector<std::string> listed = ListedStandbys(names);
  return std::ranges::any_of(listed, [&](const std::string& name) {
    return name == "*" || SameName(name, application_name);
  });
}

CheckItem JudgeRoom(const Room& room) {
  const std::string detail = fmt::format("{} free at {}", base::FormatBytes(room.free), room.where);
  const std::string hint = "make room, or move it to a larger file system";
  if (room.free < kHardlyAnyRoom) return Failed(room.name, detail, hint);
  if (room.free < room.wanted)
    return Attention(room.name,
                     fmt::format("{}, {} wanted", detail, base::FormatBytes(room.wanted)), hint);
  return Ok(room.name, detail);
}

}  // namespace holdfast::cli
