// A repository as version 1 of the format has it, kept as bytes: what was once written must be read
// for ever. HOLDFAST_WRITE_GOLDEN=1 writes it anew, which only a change of the format may need.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/testing/manual_clock.h"
#include "repo/blob.h"
#include "repo/ids.h"
#include "repo/pack.h"
#include "repo/repository.h"
#include "storage/memory_storage.h"

namespace holdfast::repo {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(__FILE__).parent_path() / "testdata" / "repository-1";
const Unlock kPassphrase = Passphrase{"correct horse battery staple"};
constexpr std::string_view kBlobObject = "wal/shop/segment";
constexpr std::string_view kAddOnlyBlobObject = "wal/shop/segment-of-an-add-only-host";

base::Bytes GoldenPages() {
  base::Bytes pages(2 * kPageSize, 1);
  std::fill(pages.begin() + kPageSize, pages.end(), std::uint8_t{2});
  return pages;
}

std::vector<std::uint64_t> GoldenHashes(const Keyring& ring) {
  const base::Bytes pages = GoldenPages();
  const codec::PageHasher hasher = ring.page_hasher();
  return {hasher(base::ByteView(pages).first(kPageSize)),
          hasher(base::ByteView(pages).last(kPageSize))};
}

void PutNew(storage::Storage& storage, std::string_view name, base::ByteView contents) {
  if (storage.Put(name, contents) != storage::PutOutcome::kStored) std::abort();
}

void PutGoldenPack(storage::Storage& storage, const Keyring& ring) {
  PackBuilder builder(ring, PackKind::kData, {});
  builder.Append(FrameKind::kPages, GoldenPages(), GoldenHashes(ring));
  builder.Append(FrameKind::kBytes, base::AsBytes("15\n"));
  const FinishedPack pack = builder.Finish();
  PutNew(storage, PackObject(pack.id), pack.contents);
}

void PutGoldenBlobs(storage::Storage& storage, const Keyring& ring) {
  const base::Bytes raw(3'000'000, 9);
  PutNew(storage, kBlobObject, SealBlob(ring, PackKind::kWal, raw, {}));
  PutNew(storage, kAddOnlyBlobObject,
         SealBlob(ring.AddOnly(), PackKind::kWal, raw, {.codec = codec::Codec::kLz4}));
}

void WriteGolden(base::Clock& clock) {
  const auto storage = std::make_shared<storage::MemoryStorage>(clock);
  Repository repository = Repository::Create(
      storage, clock, kPassphrase,
      {.key_label = "golden", .password_cost = {.operations = 2, .memory_bytes = 64 * base::kKiB}});
  PutGoldenPack(*storage, repository.keyring());
  PutGoldenBlobs(*storage, repository.keyring());
  std::filesystem::remove_all(kFolder);
  for (const auto& object : storage::ListAll(*storage, "")) {
    std::filesystem::create_directories((kFolder / object.name).parent_path());
    base::WriteFileDurably(kFolder / object.name, *storage->Get(object.name), 0644);
  }
}

class Golden : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("HOLDFAST_WRITE_GOLDEN") != nullptr) WriteGolden(clock_);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kFolder)) {
      if (!entry.is_regular_file()) continue;
      PutNew(*storage_, std::filesystem::relative(entry.path(), kFolder).string(),
             base::ReadFile(entry.path()));
    }
  }

  base::ManualClock clock_;
  std::shared_ptr<storage::MemoryStorage> storage_ =
      std::make_shared<storage::MemoryStorage>(clock_);
};

TEST_F(Golden, RepositoryOpens) {
  const Repository repository = Repository::Open(storage_, clock_, kPassphrase);
  const std::vector<KeyInfo> keys = repository.ListKeys();
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].label, "golden");
  EXPECT_EQ(keys[0].created, base::Time(std::chrono::seconds(1'800'000'000)));
}

TEST_F(Golden, PackIsRead) {
  const Repository repository = Repository::Open(storage_, clock_, kPassphrase);
  const auto objects = storage::ListAll(*storage_, kPacksPrefix);
  ASSERT_EQ(objects.size(), 1U);
  const base::Bytes bytes = *storage_->Get(objects[0].name);
  const PackId id = ProvenId(bytes);
  EXPECT_EQ(PackObject(id), objects[0].name);

  PackReader reader(repository.keyring(), id, bytes);
  const auto footer = reader.ReadFooter(bytes, bytes.size()).footer;
  ASSERT_TRUE(footer);
  ASSERT_EQ(footer->frames().size(), 2U);
  const auto open = [&](std::uint32_t number) {
    const FrameInfo& frame = footer->frame(number);
    return reader.OpenFrame(*footer, number,
                            base::ByteView(bytes).subspan(frame.offset, frame.stored_size));
  };
  EXPECT_EQ(open(0), GoldenPages());
  EXPECT_EQ(open(1), base::ToBytes("15\n"));
  EXPECT_TRUE(std::ranges::equal(footer->PageHashes(0), GoldenHashes(repository.keyring())));
}

TEST_F(Golden, BlobsAreRead) {
  const Repository repository = Repository::Open(storage_, clock_, kPassphrase);
  for (const std::string_view name : {kBlobObject, kAddOnlyBlobObject}) {
    const base::Bytes stored = storage::GetExisting(*storage_, name);
    EXPECT_EQ(OpenBlob(repository.keyring(), name, stored), base::Bytes(3'000'000, 9)) << name;
  }
}

TEST_F(Golden, DigestsStayAsTheyAre) {
  const Repository repository = Repository::Open(storage_, clock_, kPassphrase);
  EXPECT_EQ(base::ToHex(repository.keyring().ContentDigest("wal", base::AsBytes("x"))),
            "614e5ace1f3877947657082f34348310");
}

}  // namespace
}  // namespace holdfast::repo
