#include "cli/check_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace holdfast::cli {
namespace {

using testing::HasSubstr;

ServerView Sound() {
  ServerView server;
  server.source = "shop";
  server.version = 150004;
  server.application_name = "holdfast";
  server.role = "holdfast";
  server.replicates = server.reads_settings = server.reads_files = true;
  server.granted = {"pg_stat_file(text, boolean)"};
  server.settings = {{"wal_level", "replica"},
                     {"fsync", "on"},
                     {"full_page_writes", "on"},
                     {"max_slot_wal_keep_size", "-1"},
                     {"synchronous_standby_names", ""},
                     {"synchronous_commit", "on"},
                     {"archive_mode", "on"},
                     {"archive_command", "holdfast wal push %p"},
                     {"max_replication_slots", "10"},
                     {"max_wal_senders", "10"}};
  return server;
}

std::vector<CheckItem> Judged(const ServerView& server) {
  std::vector<CheckItem> items = JudgeServer(server);
  for (auto more : {JudgeRights(server), JudgeSlots(server, "holdfast_shop")})
    items.insert(items.end(), more.begin(), more.end());
  items.push_back(JudgeSynchronous(server, WalWay::kReplication));
  items.push_back(JudgeArchiving(server));
  return items;
}

struct Case {
  std::string item;
  CheckState state = CheckState::kOk;
  std::function<void(ServerView&)> change;
};

std::function<void(ServerView&)> Set(const std::string& name, const std::string& value) {
  return [=](ServerView& server) { server.settings[name] = value; };
}

pg::SlotInfo Slot(std::string status) {
  pg::SlotInfo slot;
  slot.name = "holdfast_shop";
  slot.restart_lsn = pg::Lsn(100);
  slot.wal_status = std::move(status);
  return slot;
}

class OneThingWrong : public testing::TestWithParam<Case> {};

TEST_P(OneThingWrong, IsTheOnlyItemAndSaysWhatToDo) {
  ServerView server = Sound();
  GetParam().change(server);
  for (const CheckItem& item : Judged(server)) {
    if (item.name == GetParam().item) {
      EXPECT_EQ(item.state, GetParam().state) << item.detail;
      EXPECT_NE(item.hint, "");
    } else {
      EXPECT_EQ(item.state, CheckState::kOk) << item.name << ": " << item.detail;
    }
  }
}

constexpr CheckState kAttention = CheckState::kAttention;
constexpr CheckState kFailed = CheckState::kFailed;

TEST(JudgeServer, TakesAStandbyAsWell) {
  ServerView server = Sound();
  server.in_recovery = true;
  for (const CheckItem& item : Judged(server)) EXPECT_EQ(item.state, CheckState::kOk) << item.name;
}

INSTANTIATE_TEST_SUITE_P(
    All, OneThingWrong,
    testing::Values(
        Case{"version", kFailed, [](ServerView& s) { s.version = 120010; }},
        Case{"version", kFailed, [](ServerView& s) { s.version = 190000; }},
        Case{"wal_level", kFailed, Set("wal_level", "minimal")},
        Case{"fsync", kAttention, Set("fsync", "off")},
        Case{"full_page_writes", kAttention, Set("full_page_writes", "off")},
        Case{"REPLICATION", kFailed, [](ServerView& s) { s.replicates = false; }},
        Case{"pg_read_all_settings", kFailed, [](ServerView& s) { s.reads_settings = false; }},
        Case{"pg_read_server_files", kAttention, [](ServerView& s) { s.reads_files = false; }},
        Case{"pg_switch_wal()", kFailed, [](ServerView& s) { s.missing = {"pg_switch_wal()"}; }},
        Case{"replication_slots", kAttention, [](ServerView& s) { s.slots_used = 9; }},
        Case{"replication_slots", kAttention,
             [](ServerView& s) { s.settings.erase("max_replication_slots"); }},
        Case{"wal_senders", kAttention, [](ServerView& s) { s.senders_used = 10; }},
        Case{"slot", kFailed, [](ServerView& s) { s.slot = Slot("lost"); }},
        Case{"slot", kAttention, [](ServerView& s) { s.slot = Slot("unreserved"); }},
        Case{"slot", kAttention,
             [](ServerView& s) {
               s.slot = Slot("reserved");
               s.slot_holds_back = 2 * base::kGiB;
             }},
        Case{"slot", kFailed,
             [](ServerView& s) {
               s.slot = Slot("reserved");
               s.slot->logical = true;
             }},
        Case{"idle_slots", kAttention, Set("idle_replication_slot_timeout", "60")},
        Case{"synchronous", kFailed,
             [](ServerView& s) {
               s.settings["synchronous_standby_names"] = "holdfast";
               s.settings["synchronous_commit"] = "remote_apply";
             }},
        Case{"synchronous", kFailed,
             [](ServerView& s) {
               s.settings["synchronous_standby_names"] = "*";
               s.commit_settings = {{.who = "role app", .value = "remote_apply"}};
             }},
        Case{"synchronous", kFailed,
             [](ServerView& s) {
               s.settings["synchronous_standby_names"] = "ANY 1 (holdfast)";
               s.settings["synchronous_commit"] = "local";
             }},
        Case{"synchronous", kAttention,
             [](ServerView& s) {
               s.settings["synchronous_standby_names"] = "*";
               s.commit_settings = {{.who = "database shop", .value = "off"}};
             }},
        Case{"synchronous", kFailed,
             [](ServerView& s) {
               s.settings["synchronous_standby_names"] = "FIRST 1 (\"holdfast\")";
               s.application_name = "foo";
             }},
        Case{"archive_command", kFailed, Set("archive_mode", "off")},
        Case{"archive_command", kFailed, Set("archive_command", "cp %p /mnt/%f")},
        Case{"archive_command", kFailed,
             Set("archive_command", "holdfast wal push --source shpo %p")},
        Case{"archive_command", kFailed,
             Set("archive_command", "holdfast wal push --source='shop2' %p")},
        Case{"archive_command", kAttention, [](ServerView& s) { s.archiving_fails = true; }}));

TEST(CheckItems, OfASoundServerAreAllOk) {
  for (const CheckItem& item : Judged(Sound()))
    EXPECT_EQ(item.state, CheckState::kOk) << item.name << ": " << item.detail;
}

TEST(Synchronous, StandbyMustBeAReceiverByTheReplicationProtocol) {
  ServerView server = Sound();
  server.settings["synchronous_standby_names"] = "FIRST 1 (holdfast)";
  EXPECT_EQ(JudgeSynchronous(server, WalWay::kReplication).state, CheckState::kOk);
  EXPECT_EQ(JudgeSynchronous(server, WalWay::kSql).state, CheckState::kFailed);
  EXPECT_EQ(JudgeSynchronous(server, WalWay::kNone).state, CheckState::kFailed);
  server.settings["synchronous_standby_names"] = "other";
  EXPECT_EQ(JudgeSynchronous(server, WalWay::kSql).state, CheckState::kOk);
}

TEST(Synchronous, NamesAreReadInAllTheirForms) {
  for (const char* names : {"holdfast", "HoldFast", "*", "a, holdfast", "FIRST 1 (a, holdfast)",
                            "ANY 2 (a,\"holdfast\")", "2 (holdfast, b)", "FIRST 2 (a, *)",
                            "any 1 ( \"a, (b\" , holdfast )", "\"*\""})
    EXPECT_TRUE(NamesStandby(names, "holdfast")) << names;
  for (const char* names : {"", "a", "holdfast2", "FIRST 1 (a, b)", "unknown",
                            "1 (\"a, holdfast\", \"hold\"\"fast\", \"(holdfast\")"})
    EXPECT_FALSE(NamesStandby(names, "holdfast")) << names;
}

TEST(Synchronous, CommitsThatDoNotWaitAreTold) {
  ServerView server = Sound();
  server.settings["synchronous_standby_names"] = "FIRST 1 (holdfast)";
  for (const char* value : {"on", "remote_write"}) {
    server.settings["synchronous_commit"] = value;
    EXPECT_EQ(JudgeSynchronous(server, WalWay::kReplication).state, CheckState::kOk) << value;
  }
  for (const char* value : {"off", "local", "no", "false", "0"}) {
    server.settings["synchronous_commit"] = "on";
    server.commit_settings = {{.who = "role app in database shop", .value = value},
                              {.who = "role till", .value = "on"}};
    const CheckItem item = JudgeSynchronous(server, WalWay::kReplication);
    EXPECT_EQ(item.state, CheckState::kAttention);
    EXPECT_THAT(item.detail, HasSubstr(std::string("role app in database shop (") + value + ")"));
    server.settings["synchronous_commit"] = value;
    server.commit_settings.pop_back();
    EXPECT_EQ(JudgeSynchronous(server, WalWay::kReplication).state, CheckState::kFailed);
    // Some opt in.
    server.commit_settings = {{.who = "role till", .value = "on"}};
    EXPECT_EQ(JudgeSynchronous(server, WalWay::kReplication).state, CheckState::kAttention);
  }
  server.settings["synchronous_standby_names"] = "other";
  EXPECT_EQ(JudgeSynchronous(server, WalWay::kReplication).state, CheckState::kOk);
}

TEST(Synchronous, AReceiverOfAnotherNameThanTheListsIsTold) {
  ServerView server = Sound();
  server.application_name = "foo";
  server.settings["synchronous_standby_names"] = "ANY 1 (standby2, HoldFast)";
  const CheckItem item = JudgeSynchronous(server, WalWay::kReplication);
  EXPECT_EQ(item.state, CheckState::kFailed);
  EXPECT_THAT(item.detail, HasSubstr("calls itself foo"));
  server.standbys = {"holdfast"};  // that of another source
  EXPECT_EQ(JudgeSynchronous(server, WalWay::kReplication).state, CheckState::kOk);
  server.standbys.clear();
  for (const char* names : {"foo", "*", "FIRST 1 (foo, holdfast)", "standby2", ""}) {
    server.settings["synchronous_standby_names"] = names;
    EXPECT_EQ(JudgeSynchronous(server, WalWay::kReplication).state, CheckState::kOk) << names;
  }
}

TEST(Archiving, MustPushToTheSourceInWhateverWayItIsNamed) {
  ServerView server = Sound();
  for (const std::string command :
       {"holdfast wal push %p", "holdfast wal push --source shop %p",
        "holdfast wal push --source=shop \"%p\"", "holdfast wal push \"%p\" --source \"shop\"",
        "holdfast wal push --source other %p && holdfast wal push --source 'shop' %p",
        "holdfast wal push --source \"$SOURCE\" %p", "/etc/holdfast/archive.sh %p"}) {
    server.settings["archive_command"] = command;
    EXPECT_EQ(JudgeArchiving(server).state, CheckState::kOk) << command;
  }
  for (const std::string command :
       {"holdfast wal push --source shop2 %p", "holdfast wal push --source=sho \"%p\"",
        "holdfast wal push \"%p\" --source \"other\"; true"}) {
    server.settings["archive_command"] = command;
    const CheckItem item = JudgeArchiving(server);
    EXPECT_EQ(item.state, CheckState::kFailed) << command;
    EXPECT_THAT(item.hint, HasSubstr("--source shop "));
  }
}

TEST(CheckRoom, WarnsBeforeItIsTooLate) {
  const auto judged = [](std::uint64_t free) {
    return JudgeRoom({.name = "space", .where = "/x", .free = free, .wanted = base::kGiB}).state;
  };
  EXPECT_EQ(judged(base::kGiB), CheckState::kOk);
  EXPECT_EQ(judged(base::kGiB - 1), CheckState::kAttention);
  EXPECT_EQ(judged(base::kMiB), CheckState::kFailed);
}

TEST(CheckItems, TheWorstDecidesTheExitCode) {
  const CheckItem ok{.name = "a"};
  const CheckItem attention{.name = "b", .state = CheckState::kAttention};
  const CheckItem failed{.name = "c", .state = CheckState::kFailed};
  EXPECT_EQ(ExitCodeOf({ok}), ExitCode::kDone);
  EXPECT_EQ(ExitCodeOf({ok, attention}), ExitCode::kAttention);
  EXPECT_EQ(ExitCodeOf({attention, failed, ok}), ExitCode::kUnavailable);
  // The first one that failed says why.
  const CheckItem wrong{.name = "k", .state = CheckState::kFailed, .code = ExitCode::kUsage};
  EXPECT_EQ(ExitCodeOf({attention, wrong, failed}), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf({failed, wrong}), ExitCode::kUnavailable);
  const CheckItem refused{.name = "d", .state = CheckState::kRefused};
  EXPECT_EQ(ExitCodeOf({attention, refused, failed}), ExitCode::kRefused);
}

}  // namespace
}  // namespace holdfast::cli
