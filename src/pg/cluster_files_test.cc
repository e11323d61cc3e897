#include "pg/cluster_files.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::pg {
namespace {

constexpr std::string_view kVersion = "PG_15_202209061";

ClusterPath Classify(std::string_view path) { return ClassifyFile(path, kVersion); }

RelationFile File(RelationId relation, Fork fork = Fork::kMain, std::uint32_t segment = 0) {
  return {.relation = relation, .fork = fork, .segment = segment};
}

TEST(ClusterFiles, RelationsAreFoundInEveryFolderThatHoldsThem) {
  EXPECT_EQ(Classify("base/5/16384").relation, File({kDefaultTablespace, 5, 16384}));
  EXPECT_EQ(Classify("base/5/16384.12").relation,
            File({kDefaultTablespace, 5, 16384}, Fork::kMain, 12));
  EXPECT_EQ(Classify("base/5/16384_fsm").relation,
            File({kDefaultTablespace, 5, 16384}, Fork::kFsm));
  EXPECT_EQ(Classify("base/5/16384_vm.1").relation,
            File({kDefaultTablespace, 5, 16384}, Fork::kVm, 1));
  EXPECT_EQ(Classify("base/5/16384_init").relation,
            File({kDefaultTablespace, 5, 16384}, Fork::kInit));
  EXPECT_EQ(Classify("global/1262").relation, File({kGlobalTablespace, 0, 1262}));
  EXPECT_EQ(Classify("pg_tblspc/16385/PG_15_202209061/5/16390").relation, File({16385, 5, 16390}));
  EXPECT_EQ(Classify("base/12699/1259").role, FileRole::kRelation);
}

TEST(ClusterFiles, PathsOfRelationsSurviveTheRoundTrip) {
  for (const auto* path : {"base/5/16384", "base/5/16384_vm.1", "global/1262_fsm",
                           "pg_tblspc/16385/PG_15_202209061/5/16390_init.3"}) {
    EXPECT_EQ(RelationPath(*Classify(path).relation, kVersion), path);
  }
}

TEST(ClusterFiles, NamesThatOnlyLookLikeRelationsAreNone) {
  for (const auto* path : {"pg_xact/0000",
                           "pg_multixact/offsets/0000",
                           "pg_commit_ts/1234",
                           "pg_twophase/00001234",
                           "pg_logical/mappings/1",
                           "base/1",
                           "16384",
                           "base/5/16384_main",
                           "base/5/16384.0",
                           "base/5/16384.01",
                           "base/5/016384",
                           "base/5/0",
                           "base/5/16384_vm_1",
                           "base/5/16384.1_vm",
                           "base/5/4294967296",
                           "base/5/16384.4294967296",
                           "base/05/16384",
                           "base/5x/16384",
                           "base/5/x/16384",
                           "database/5/16384",
                           "xbase/5/16384",

                           "base/5/pg_filenode.map",
                           "base/5/PG_VERSION",
                           "global/pg_filenode.map",
                           "base/5/-1",
                           "base/5/16384.",
                           "base/5/",
                           "",
                           "/",
                           "base//16384",
                           "postgresql.conf",
                           "my/base/5/16384",
                           "base/5/16384 "}) {
    EXPECT_EQ(Classify(path).role, FileRole::kOther) << path;
    EXPECT_EQ(Classify(path).exclusion, Exclusion::kNone) << path;
    EXPECT_FALSE(Classify(path).relation) << path;
  }
}

TEST(ClusterFiles, ControlFileIsOnlyTheOneInGlobal) {
  EXPECT_EQ(Classify("global/pg_control").role, FileRole::kControl);
  EXPECT_EQ(Classify("pg_control").role, FileRole::kOther);
  EXPECT_EQ(Classify("base/5/pg_control").role, FileRole::kOther);
}

TEST(ClusterFiles, TemporaryRelationsAreLeftOut) {
  for (const auto* path : {"base/5/t3_16384", "base/5/t0_16384", "base/5/t3_16384_vm",
                           "base/5/t3_16384.1", "pg_tblspc/16385/PG_15_202209061/5/t12_16390"}) {
    EXPECT_EQ(Classify(path).exclusion, Exclusion::kTemporaryRelation) << path;
    EXPECT_FALSE(Classify(path).relation) << path;
  }
  for (const auto* path : {"base/5/t3", "base/5/t_16384", "base/5/t3_x", "base/5/tx_1",
                           "global/t3_16384", "t3_16384", "pg_xact/t3_16384"}) {
    EXPECT_EQ(Classify(path).exclusion, Exclusion::kNone) << path;
  }
}

TEST(ClusterFiles, WhatTheServerRebuildsOrOwnsIsLeftOut) {
  const std::pair<const char*, Exclusion> cases[] = {
      {"base/pgsql_tmp/pgsql_tmp123.0", Exclusion::kTemporaryFile},
      {"base/5/pgsql_tmp1", Exclusion::kTemporaryFile},
      {"pg_tblspc/16385/PG_15_202209061/pgsql_tmp/pgsql_tmp1.0", Exclusion::kTemporaryFile},
      {"global/pg_internal.init", Exclusion::kRebuiltAtStart},
      {"base/5/pg_internal.init.1234", Exclusion::kRebuiltAtStart},
      {"postmaster.pid", Exclusion::kServerState},
      {"postmaster.opts", Exclusion::kServerState},
      {"postgresql.auto.conf.tmp", Exclusion::kServerState},
      {"current_logfiles.tmp", Exclusion::kServerState},
      {"backup_label", Exclusion::kBackupState},
      {"backup_label.old", Exclusion::kBackupState},
      {"tablespace_map", Exclusion::kBackupState},
      {"tablespace_map.old", Exclusion::kBackupState},
      {"backup_manifest", Exclusion::kBackupState},
      {"global/pg_control.holdfast", Exclusion::kBackupState},
      {"global/pg_control.new", Exclusion::kBackupState},
      {"recovery.signal", Exclusion::kRecoverySignal},
      {"standby.signal", Exclusion::kRecoverySignal},
      {"pg_wal/000000010000000000000001", Exclusion::kWal},
      {"pg_wal/archive_status/000000010000000000000001.done", Exclusion::kWal},
      {"pg_replslot/a/state", Exclusion::kReplicationSlot},
      {"pg_dynshmem/mmap.1", Exclusion::kEmptiedAtStart},
      {"pg_notify/0000", Exclusion::kEmptiedAtStart},
      {"pg_serial/0000", Exclusion::kEmptiedAtStart},
      {"pg_snapshots/1", Exclusion::kEmptiedAtStart},
      {"pg_stat_tmp/global.stat", Exclusion::kEmptiedAtStart},
      {"pg_subtrans/0000", Exclusion::kEmptiedAtStart},
      {".DS_Store", Exclusion::kNotTheServersOwn},
      {"pg_tblspc/16385/PG_14_202107181/5/16390", Exclusion::kOtherMajorVersion},
      {"pg_tblspc/16385/stray", Exclusion::kOtherMajorVersion},
  };
  for (const auto& [path, expected] : cases) {
    EXPECT_EQ(ExclusionName(Classify(path).exclusion), ExclusionName(expected)) << path;
  }
}

TEST(ClusterFiles, EverythingElseIsKept) {
  for (const auto* path :
       {"PG_VERSION", "postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf",
        "pg_xact/0000", "pg_multixact/members/0000", "pg_stat/pgstat.stat",
        "pg_logical/replorigin_checkpoint", "pg_logical/snapshots/0-1.snap", "pg_twophase/00000001",
        "pg_commit_ts/0000", "log/x.log", "current_logfiles", "conf.d/recovery.signal",
        "my_pg_wal/x", "pg_wal2/x", "server.key"}) {
    EXPECT_FALSE(Classify(path).IsExcluded()) << path;
  }
}

TEST(ClusterFiles, FoldersWithoutTheirContentsAreKeptThemselves) {
  for (const auto* path : {"pg_wal", "pg_wal/archive_status", "pg_wal/summaries", "pg_replslot",
                           "pg_notify", "pg_subtrans", "pg_dynshmem", "pg_serial", "pg_snapshots",
                           "pg_stat_tmp", "base", "base/5", "pg_tblspc", "pg_tblspc/16385",
                           "pg_tblspc/16385/PG_15_202209061", "pg_logical/snapshots"}) {
    EXPECT_EQ(ClassifyFolder(path, kVersion), Exclusion::kNone) << path;
  }
  EXPECT_EQ(ClassifyFolder("pg_replslot/a", kVersion), Exclusion::kReplicationSlot);
  EXPECT_EQ(ClassifyFolder("base/pgsql_tmp", kVersion), Exclusion::kTemporaryFile);
  EXPECT_EQ(ClassifyFolder("pg_tblspc/16385/PG_14_202107181", kVersion),
            Exclusion::kOtherMajorVersion);
}

TEST(ClusterFiles, MissingVitalFilesAreFatal) {
  for (const auto* path : {"PG_VERSION", "global/pg_control", "global/pg_filenode.map"}) {
    EXPECT_EQ(Classify(path).when_missing, WhenMissing::kFatal) << path;
  }
  for (const auto* path : {"base/5/PG_VERSION", "base/5/pg_filenode.map",
                           "pg_tblspc/16385/PG_15_202209061/5/pg_filenode.map"}) {
    EXPECT_EQ(Classify(path).when_missing, WhenMissing::kFatalUnlessDatabaseGone) << path;
  }
  for (const auto* path : {"base/5/16384", "pg_xact/0000", "pg_twophase/00000001",
                           "pg_logical/snapshots/0-1.snap", "mine/PG_VERSION", "postgresql.conf"}) {
    EXPECT_EQ(Classify(path).when_missing, WhenMissing::kFine) << path;
  }
}

TEST(ClusterFiles, BlocksAreCountedOverAllSegments) {
  EXPECT_EQ(FirstBlock(*Classify("base/5/16384").relation, 131072), 0U);
  EXPECT_EQ(FirstBlock(*Classify("base/5/16384.3").relation, 131072), 3U * 131072);
  EXPECT_EQ(FirstBlock(*Classify("base/5/16384.32767").relation, 131072), 32767U * 131072);
  EXPECT_THROW(FirstBlock(*Classify("base/5/16384.32768").relation, 131072), base::Error);
}

TEST(UnloggedRelations, KeepOnlyTheirInitFork) {
  UnloggedRelations unlogged;
  const auto file = [](std::string_view path) { return *Classify(path).relation; };
  for (const auto* path : {"base/5/1", "base/5/1_init", "base/5/2", "base/5/2_fsm"}) {
    unlogged.Note(file(path));
  }
  EXPECT_EQ(unlogged.size(), 1U);
  EXPECT_FALSE(unlogged.Skips(file("base/5/1_init")));
  for (const auto* path : {"base/5/1", "base/5/1.4", "base/5/1_fsm", "base/5/1_vm"}) {
    EXPECT_TRUE(unlogged.Skips(file(path))) << path;
  }
  for (const auto* path : {"base/5/2", "base/5/2_fsm", "base/6/1", "base/5/11"}) {
    EXPECT_FALSE(unlogged.Skips(file(path))) << path;
  }
}

}  // namespace
}  // namespace holdfast::pg
