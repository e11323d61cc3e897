#include "wal/archive_check.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/testing/manual_clock.h"
#include "repo/repository.h"
#include "storage/memory_storage.h"
#include "wal/archive.h"

namespace holdfast::wal {
namespace {

constexpr pg::SystemIdentifier kSystem{7301234567890123456};

// A segment of 1 MiB that is all zeros after its first page's header.
base::Bytes Segment(std::uint32_t number) {
  base::ByteWriter header;
  header.U16(0xD110);  // 15
  header.U16(0x0002);  // XLP_LONG_HEADER
  header.U32(1);
  header.U64(number * base::kMiB);
  header.U64(0);
  header.U64(kSystem.value());
  header.U32(base::kMiB);
  header.U32(8192);
  base::Bytes segment = header.Take();
  segment.resize(base::kMiB);
  return segment;
}

class ArchiveCheck : public testing::Test {
 protected:
  ArchiveCheck() {
    Archive archive(repository_, "shop");
    (void)archive.Put(kSystem, "000000010000000000000001", Segment(1));
    (void)archive.Put(kSystem, "000000010000000000000002.partial", Segment(2));
    (void)archive.Put(kSystem, "00000002.history", base::AsBytes("1\t0/300000\tno reason\n"));
    base::Bytes tail = Segment(3);
    tail.resize(8192);
    archive.PutTail(kSystem, pg::TimelineId(1), pg::Lsn(3 * base::kMiB), tail);
    archive.RecordTimeline(kSystem, pg::TimelineId(1));
    for (const std::string_view prefix : {"wal/", "wal-tail/"}) {
      for (const auto& object : storage::ListAll(*storage_, prefix)) names_.push_back(object.name);
    }
  }

  base::Bytes Contents(const std::string& name) { return *storage_->Get(name); }
  std::optional<std::string> Problem(const std::string& name, base::ByteView contents) {
    return CheckWalObject(repository_.keyring(), name, contents);
  }

  base::ManualClock clock_;
  std::shared_ptr<storage::MemoryStorage> storage_ =
      std::make_shared<storage::MemoryStorage>(clock_);
  repo::Repository repository_ =
      repo::Repository::Create(storage_, clock_, repo::KeyFile::Generate(), {});
  std::vector<std::string> names_;
};

TEST_F(ArchiveCheck, PassesWhatAnArchiveStores) {
  ASSERT_EQ(names_.size(), 6U);
  for (const std::string& name : names_) {
    EXPECT_EQ(CheckWalBytes(name, Contents(name)), std::nullopt) << name;
    EXPECT_EQ(Problem(name, Contents(name)), std::nullopt) << name;
    const auto parsed = ParseWalObjectName(name);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(parsed->source, "shop");
    EXPECT_EQ(parsed->system, kSystem);
  }
}

TEST_F(ArchiveCheck, FindsEveryAlteredByte) {
  for (const std::string& name : names_) {
    const base::Bytes contents = Contents(name);
    for (std::size_t byte = 0; byte < contents.size(); ++byte) {
      base::Bytes altered = contents;
      altered[byte] ^= 0x10;
      ASSERT_TRUE(CheckWalBytes(name, altered)) << name << " byte " << byte;
      ASSERT_TRUE(Problem(name, altered)) << name << " byte " << byte;
    }
    for (std::size_t size = 0; size < contents.size(); ++size) {
      ASSERT_TRUE(CheckWalBytes(name, base::ByteView(contents).first(size))) << name;
    }
  }
}

TEST_F(ArchiveCheck, FindsObjectsThatStandUnderAnothersName) {
  for (const std::string& name : names_) {
    for (const std::string& other : names_) {
      if (name == other) continue;
      EXPECT_TRUE(Problem(name, Contents(other))) << other << " under " << name;
    }
  }
}

TEST_F(ArchiveCheck, FindsWalOfAnotherCluster) {
  for (const std::string& name : names_) {
    const bool is_wal = name.find("/00000001/00000001") != std::string::npos;
    if (!is_wal) continue;
    std::string moved = name;
    moved.replace(moved.find("7301234567890123456"), 19, "7301234567890123457");
    EXPECT_TRUE(Problem(moved, Contents(name))) << name;
  }
}

TEST_F(ArchiveCheck, TellsTheContentsOfOneFile) {
  const auto first = ParseWalObjectName(
      "wal/shop/7/00000001/000000010000000000000001.00112233445566778899aabbccddeeff");
  const auto second = ParseWalObjectName(
      "wal/shop/7/00000001/000000010000000000000001.ff112233445566778899aabbccddeeff");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->file, second->file);
  EXPECT_EQ(first->file, "wal/shop/7/00000001/000000010000000000000001");
}

TEST_F(ArchiveCheck, KnowsNoOtherNames) {
  for (const char* name : {"wal/shop", "wal/shop/7", "wal/shop/7/x",
                           "wal/shop/x/segment-size/1048576", "wal/shop/7/00000001/core",
                           "wal-tail/shop/7/00000001/core", "wallet/shop/7/x", "packs/x"}) {
    EXPECT_FALSE(ParseWalObjectName(name)) << name;
    EXPECT_EQ(CheckWalBytes(name, base::AsBytes("?")), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace holdfast::wal
