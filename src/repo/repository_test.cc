#include "repo/repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/testing/manual_clock.h"
#include "repo/checked_json.h"
#include "repo/config_object.h"
#include "repo/ids.h"
#include "repo/key_object.h"
#include "storage/memory_storage.h"

namespace holdfast::repo {
namespace {

using base::ErrorKind;
using testing::HasSubstr;

const CreateOptions kCheap{.key_label = "first",
                           .password_cost = {.operations = 1, .memory_bytes = 8 * base::kKiB}};

// Lets others act between two requests of the code under test.
class InterruptedStorage final : public storage::Storage {
 public:
  explicit InterruptedStorage(std::shared_ptr<Storage> inner) : inner_(std::move(inner)) {}

  std::function<void(std::string_view)> before_put = [](std::string_view) {};
  bool repeat_puts = false;
  std::function<void(std::string_view)> after_remove = [](std::string_view) {};

  storage::PutOutcome Put(std::string_view name, base::ByteView contents) override {
    before_put(name);
    if (repeat_puts) static_cast<void>(inner_->Put(name, contents));
    return inner_->Put(name, contents);
  }
  storage::RemoveOutcome Remove(std::string_view name) override {
    const storage::RemoveOutcome outcome = inner_->Remove(name);
    after_remove(name);
    return outcome;
  }
  std::optional<base::Bytes> Get(std::string_view name) override { return inner_->Get(name); }
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override {
    return inner_->GetRange(name, offset, length);
  }
  std::optional<storage::ObjectInfo> Stat(std::string_view name) override {
    return inner_->Stat(name);
  }
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const storage::ObjectInfo&)>& visit) override {
    inner_->List(prefix, after, visit);
  }
  base::Time StoreTime() override { return inner_->StoreTime(); }
  storage::StorageTraits traits() const override { return inner_->traits(); }

 private:
  std::shared_ptr<Storage> inner_;
};

class RepositoryTest : public testing::Test {
 protected:
  Repository Create(const Unlock& unlock = Passphrase{"secret"}) {
    return Repository::Create(storage_, clock_, unlock, kCheap);
  }
  Repository Open(const Unlock& unlock = Passphrase{"secret"}) {
    return Repository::Open(storage_, clock_, unlock);
  }
  void Replace(std::string_view name, base::ByteView contents) {
    static_cast<void>(storage_->Remove(name));
    static_cast<void>(storage_->Put(name, contents));
  }
  void ReplaceConfig(const nlohmann::json& object) {
    Replace(kConfigObject, RenderChecked(object));
  }
  nlohmann::json ConfigJson() { return ParseChecked(*storage_->Get(kConfigObject)); }
  std::string OnlyKey() { return storage::ListAll(*storage_, kKeysPrefix).at(0).name; }

  base::ManualClock clock_;
  std::shared_ptr<storage::MemoryStorage> storage_ =
      std::make_shared<storage::MemoryStorage>(clock_);
};

template <typename Work>
base::Error ErrorOf(Work&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "it did not fail";
  return {ErrorKind::kInternal, ""};
}

TEST_F(RepositoryTest, OpensWithWhatItWasCreatedWith) {
  const Repository created = Create();
  const Repository opened = Open();
  EXPECT_EQ(opened.id(), created.id());
  EXPECT_EQ(opened.keyring().Serialize(), created.keyring().Serialize());
  EXPECT_EQ(ReadConfig(*storage_), created.id());
  EXPECT_NO_THROW(opened.CheckMayWrite());
  EXPECT_NO_THROW(opened.CheckMayPrune());
}

TEST_F(RepositoryTest, KnowsWhetherItIsStillThere) {
  const Repository repository = Create();
  const base::Bytes config = *storage_->Get(kConfigObject);
  EXPECT_NO_THROW(repository.CheckStillThere());

  const auto kind = [&] { return ErrorOf([&] { repository.CheckStillThere(); }).kind(); };
  Replace(kConfigObject, base::AsBytes("damaged"));
  EXPECT_EQ(kind(), ErrorKind::kUnavailable);
  (void)storage_->Remove(kConfigObject);
  EXPECT_EQ(kind(), ErrorKind::kNotFound);
  const auto elsewhere = std::make_shared<storage::MemoryStorage>(clock_);
  (void)Repository::Create(elsewhere, clock_, Passphrase{"secret"}, kCheap);
  Replace(kConfigObject, *elsewhere->Get(kConfigObject));
  EXPECT_EQ(kind(), ErrorKind::kConflict);

  Replace(kConfigObject, config);
  EXPECT_NO_THROW(repository.CheckStillThere());
}

TEST_F(RepositoryTest, OpensWithAKeyFile) {
  const KeyFile file = KeyFile::Generate();
  const Repository created = Create(file);
  EXPECT_EQ(Open(KeyFile::Parse(file.ToText("dir:/backups"))).id(), created.id());
}

TEST_F(RepositoryTest, SaysWhatIsWrongWithWhatItIsOpenedWith) {
  const base::Error missing = ErrorOf([&] { Open(); });
  EXPECT_EQ(missing.kind(), ErrorKind::kNotFound);

  Create();
  const base::Error wrong = ErrorOf([&] { Open(Passphrase{"guess"}); });
  EXPECT_EQ(wrong.kind(), ErrorKind::kUsage);
  EXPECT_THAT(wrong.message(), HasSubstr("wrong passphrase"));
  EXPECT_THAT(wrong.message(), testing::Not(HasSubstr("guess")));
  const base::Error other_kind = ErrorOf([&] { Open(KeyFile::Generate()); });
  EXPECT_EQ(other_kind.kind(), ErrorKind::kUsage);
  EXPECT_THAT(other_kind.message(), HasSubstr("wrong key file"));

  static_cast<void>(storage_->Remove(OnlyKey()));
  EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kCorrupt);
}

TEST_F(RepositoryTest, TellsALostConfigFromNoRepository) {
  EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kNotFound);
  Create();
  static_cast<void>(storage_->Remove(kConfigObject));
  const base::Error unfinished = ErrorOf([&] { Open(); });
  EXPECT_EQ(unfinished.kind(), ErrorKind::kNotFound);
  EXPECT_THAT(unfinished.hints().at(0), HasSubstr("was interrupted"));
  static_cast<void>(storage_->Put("snapshots/shop/x", base::AsBytes("x")));
  const base::Error lost = ErrorOf([&] { Open(); });
  EXPECT_EQ(lost.kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(lost.message(), HasSubstr("has lost its object config"));
  EXPECT_FALSE(lost.hints().empty());
}

TEST_F(RepositoryTest, WritesNoSecretInClear) {
  const Repository repository = Create();
  const EpochKeys& keys = repository.keyring().current();
  for (const auto& object : storage::ListAll(*storage_, "")) {
    const base::Bytes bytes = *storage_->Get(object.name);
    const std::string_view text = base::AsText(bytes);
    for (const base::ByteView secret :
         {keys.meta.view(), keys.data->view(), base::ByteView(keys.seal_secret_key)}) {
      EXPECT_EQ(text.find(base::AsText(secret)), std::string_view::npos);
      EXPECT_EQ(text.find(base::ToHex(secret)), std::string_view::npos);
    }
    EXPECT_EQ(text.find("secret"), std::string_view::npos);
  }
}

TEST_F(RepositoryTest, IsCreatedOnlyInAnEmptyPlace) {
  Create();
  const base::Error again = ErrorOf([&] { Create(); });
  EXPECT_EQ(again.kind(), ErrorKind::kConflict);
  EXPECT_THAT(again.message(), HasSubstr("already a repository"));

  storage_ = std::make_shared<storage::MemoryStorage>(clock_);
  static_cast<void>(storage_->Put("photos/cat.jpg", base::AsBytes("cat")));
  const base::Error foreign = ErrorOf([&] { Create(); });
  EXPECT_EQ(foreign.kind(), ErrorKind::kConflict);
  EXPECT_THAT(foreign.message(), HasSubstr("photos/cat.jpg"));
  EXPECT_EQ(storage::ListAll(*storage_, "").size(), 1U);
}

TEST_F(RepositoryTest, IsCompletedAfterAnInterruptedCreate) {
  Create();
  const std::string old_key = OnlyKey();
  static_cast<void>(storage_->Remove(kConfigObject));

  const Repository created = Create();
  EXPECT_TRUE(storage_->Stat(old_key));
  EXPECT_EQ(Open().id(), created.id());
  int leftovers = 0;
  for (const KeyInfo& key : created.ListKeys()) {
    if (key.kind != "leftover") continue;
    ++leftovers;
    EXPECT_EQ(KeyObjectName(key.id), old_key);
    Open().RemoveKey(key.id);
  }
  EXPECT_EQ(leftovers, 1);
  EXPECT_EQ(created.ListKeys().size(), 1U);
}

TEST_F(RepositoryTest, GivesWayToAnotherCreateThatWasFaster) {
  const auto slow = std::make_shared<InterruptedStorage>(storage_);
  std::optional<Repository> winner;
  slow->before_put = [&](std::string_view name) {
    if (name == kConfigObject) winner = Create(Passphrase{"faster"});
  };
  const base::Error lost =
      ErrorOf([&] { Repository::Create(slow, clock_, Passphrase{"slower"}, kCheap); });
  EXPECT_EQ(lost.kind(), ErrorKind::kConflict);
  EXPECT_EQ(Open(Passphrase{"faster"}).id(), winner->id());
  EXPECT_EQ(storage::ListAll(*storage_, "").size(), 2U);
}

TEST_F(RepositoryTest, KnowsItsOwnObjectsWhenAPutIsRepeated) {
  // The answer to a first put was lost, and the retried one finds the object there.
  const auto repeating = std::make_shared<InterruptedStorage>(storage_);
  repeating->repeat_puts = true;
  const Repository created = Repository::Create(repeating, clock_, Passphrase{"secret"}, kCheap);
  EXPECT_EQ(Open().id(), created.id());
}

TEST_F(RepositoryTest, LosesNoFlippedBitAndNoCutOfItsConfig) {
  Create();
  const base::Bytes config = *storage_->Get(kConfigObject);
  for (std::size_t bit = 0; bit < config.size() * 8; ++bit) {
    base::Bytes altered = config;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    Replace(kConfigObject, altered);
    EXPECT_EQ(ErrorOf([&] { ReadConfig(*storage_); }).kind(), ErrorKind::kCorrupt) << bit;
  }
  for (std::size_t size = 0; size < config.size(); ++size) {
    Replace(kConfigObject, base::ByteView(config).first(size));
    EXPECT_EQ(ErrorOf([&] { ReadConfig(*storage_); }).kind(), ErrorKind::kCorrupt) << size;
  }
}

TEST_F(RepositoryTest, LosesNoFlippedBitAndNoCutOfItsKeys) {
  Create();
  const std::string name = OnlyKey();
  const base::Bytes key = *storage_->Get(name);
  for (std::size_t bit = 0; bit < key.size() * 8; ++bit) {
    base::Bytes altered = key;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    Replace(name, altered);
    EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kCorrupt) << bit;
  }
  for (std::size_t size = 0; size < key.size(); ++size) {
    Replace(name, base::ByteView(key).first(size));
    EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kCorrupt) << size;
  }
  Replace(name, base::Bytes(100'000, '['));
  EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kCorrupt);
  Replace(name, base::Bytes(60'000, '['));
  EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kCorrupt);
}

TEST_F(RepositoryTest, FindsAConfigThatWasForgedWithoutKeys) {
  Create();
  nlohmann::json object = ConfigJson();
  object["created_at"] = "2001-01-01T00:00:00Z";
  ReplaceConfig(object);
  EXPECT_NO_THROW(ReadConfig(*storage_));
  EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kCorrupt);
}

TEST_F(RepositoryTest, BindsAKeyToAllThatItSaysOfItself) {
  Create();
  const std::string name = OnlyKey();
  const nlohmann::json original = ParseChecked(*storage_->Get(name));
  for (const char* member : {"label", "created_at", "salt", "operations"}) {
    nlohmann::json object = original;
    if (object.contains(member)) object[member] = "2001-01-01T00:00:00Z";
    if (object["kdf"].contains(member)) {
      object["kdf"][member] = std::string(member) == "salt"
                                  ? nlohmann::json("00112233445566778899aabbccddeeff")
                                  : nlohmann::json(2);
    }
    Replace(name, RenderChecked(object));
    EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kUsage) << member;
  }
}

TEST_F(RepositoryTest, RefusesAHostileKey) {
  Create();
  const std::string name = OnlyKey();
  nlohmann::json object = ParseChecked(*storage_->Get(name));
  object["kdf"]["memory_bytes"] = 1024 * base::kGiB;
  Replace(name, RenderChecked(object));
  EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kCorrupt);
  object["kdf"] = nlohmann::json::array();
  Replace(name, RenderChecked(object));
  EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kCorrupt);
}

TEST_F(RepositoryTest, DoesNotTakeTheKeyOfAnotherRepository) {
  Create();
  const std::string name = OnlyKey();
  const base::Bytes key = *storage_->Get(name);
  storage_ = std::make_shared<storage::MemoryStorage>(clock_);
  Create(Passphrase{"other"});
  static_cast<void>(storage_->Put(name, key));
  EXPECT_EQ(ErrorOf([&] { Open(Passphrase{"secret"}); }).kind(), ErrorKind::kUsage);

  // Nor when it claims to be of this one.
  nlohmann::json object = ParseChecked(key);
  object["repository_id"] = ReadConfig(*storage_);
  Replace(name, RenderChecked(object));
  EXPECT_EQ(ErrorOf([&] { Open(Passphrase{"secret"}); }).kind(), ErrorKind::kUsage);
}

TEST_F(RepositoryTest, IsRefusedWhenItsFormatIsNewer) {
  Create();
  nlohmann::json object = ConfigJson();
  object["format"] = 2;
  ReplaceConfig(object);
  const base::Error newer = ErrorOf([&] { Open(); });
  EXPECT_EQ(newer.kind(), ErrorKind::kUsage);
  EXPECT_THAT(newer.message(), HasSubstr("repository format 2 is newer than this program"));
  EXPECT_FALSE(newer.hints().empty());
}

TEST_F(RepositoryTest, IsRefusedWhenItsFormatIsNoWholeNumber) {
  Create();
  const nlohmann::json original = ConfigJson();
  for (const nlohmann::json& format :
       {nlohmann::json(1.0), nlohmann::json(-1), nlohmann::json(1e300)}) {
    nlohmann::json object = original;
    object["format"] = format;
    ReplaceConfig(object);
    EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kCorrupt) << format;
  }
}

TEST_F(RepositoryTest, RefusesOnlyWhatAnUnknownFeatureForbids) {
  const Repository created = Create();
  const auto use = [&](const Features& features) {
    Replace(kConfigObject, MakeConfig(created.keyring(), clock_.Now(), features));
  };
  use({.read = {"wonder"}, .write = {}, .prune = {}});
  EXPECT_THAT(ErrorOf([&] { Open(); }).message(), HasSubstr("'wonder'"));
  use({.read = {}, .write = {"wonder"}, .prune = {}});
  EXPECT_EQ(ErrorOf([&] { Open().CheckMayWrite(); }).kind(), ErrorKind::kUsage);
  EXPECT_NO_THROW(Open().CheckMayPrune());
  use({.read = {}, .write = {}, .prune = {"wonder"}});
  EXPECT_EQ(ErrorOf([&] { Open().CheckMayPrune(); }).kind(), ErrorKind::kUsage);
  EXPECT_NO_THROW(Open().CheckMayWrite());
}

TEST_F(RepositoryTest, OpensWithEachOfItsKeys) {
  Repository repository = Create();
  clock_.Advance(std::chrono::seconds(5));
  const KeyFile file = KeyFile::Generate();
  const std::string second = repository.AddKey(file, {.key_label = "recovery"});
  repository.AddKey(Passphrase{"third"}, kCheap);
  EXPECT_EQ(Open(file).id(), repository.id());
  EXPECT_EQ(Open(Passphrase{"third"}).id(), repository.id());
  EXPECT_EQ(Open().id(), repository.id());

  const std::vector<KeyInfo> keys = Open(file).ListKeys();
  ASSERT_EQ(keys.size(), 3U);
  for (const KeyInfo& key : keys) {
    EXPECT_EQ(key.opened_this, key.id == second);
    EXPECT_EQ(key.kind, key.id == second ? "key-file" : "passphrase");
    if (key.id == second) {
      EXPECT_EQ(key.label, "recovery");
      EXPECT_EQ(key.created, clock_.Now());
    }
  }
}

TEST_F(RepositoryTest, StillOpensWhenAnotherKeyIsDamaged) {
  Repository repository = Create();
  const std::string second = repository.AddKey(KeyFile::Generate(), {});
  Replace(KeyObjectName(second), base::AsBytes("{}"));
  EXPECT_EQ(Open().id(), repository.id());
  const std::vector<KeyInfo> keys = repository.ListKeys();
  EXPECT_TRUE(std::ranges::any_of(
      keys, [&](const KeyInfo& key) { return key.id == second && key.kind == "damaged"; }));
  repository.RemoveKey(second);
  EXPECT_EQ(repository.ListKeys().size(), 1U);
}

TEST_F(RepositoryTest, AddsNoSecretTwice) {
  Repository repository = Create();
  const KeyFile file = KeyFile::Generate();
  const std::string id = repository.AddKey(file, {});
  const base::Error again = ErrorOf([&] { repository.AddKey(file, {.key_label = "another"}); });
  EXPECT_EQ(again.kind(), ErrorKind::kConflict);
  EXPECT_THAT(again.message(), HasSubstr("opens the repository already, as key " + id));
  EXPECT_FALSE(again.hints().empty());
  EXPECT_EQ(ErrorOf([&] { repository.AddKey(Passphrase{"secret"}, kCheap); }).kind(),
            ErrorKind::kConflict);
  EXPECT_EQ(repository.ListKeys().size(), 2U);
  // Removed, it can be added again.
  repository.RemoveKey(id);
  repository.AddKey(file, {});
  EXPECT_EQ(Open(file).id(), repository.id());
}

TEST_F(RepositoryTest, KeepsTheKeyThatOpenedIt) {
  Repository repository = Create();
  const std::string first = repository.ListKeys().at(0).id;
  EXPECT_EQ(ErrorOf([&] { repository.RemoveKey(first); }).kind(), ErrorKind::kConflict);
  EXPECT_EQ(ErrorOf([&] { repository.RemoveKey("0123456789abcdef"); }).kind(),
            ErrorKind::kNotFound);
  EXPECT_EQ(ErrorOf([&] { repository.RemoveKey("../config"); }).kind(), ErrorKind::kNotFound);

  const std::string second = repository.AddKey(Passphrase{"new"}, kCheap);
  Open(Passphrase{"new"}).RemoveKey(first);
  EXPECT_EQ(ErrorOf([&] { Open(); }).kind(), ErrorKind::kUsage);
  EXPECT_EQ(ErrorOf([&] { repository.RemoveKey(second); }).kind(), ErrorKind::kConflict);
  EXPECT_EQ(Open(Passphrase{"new"}).ListKeys().size(), 1U);
}

TEST_F(RepositoryTest, KeepsAKeyWhenTwoSessionsRemoveEachOthers) {
  Repository one = Create();
  const std::string first = one.ListKeys().at(0).id;
  const std::string second = one.AddKey(Passphrase{"new"}, kCheap);
  const auto interrupted = std::make_shared<InterruptedStorage>(storage_);
  Repository other = Repository::Open(interrupted, clock_, Passphrase{"new"});
  interrupted->after_remove = [&](std::string_view) {
    // The first session removes this one's key at the same moment.
    static_cast<void>(storage_->Remove(KeyObjectName(second)));
  };
  EXPECT_EQ(ErrorOf([&] { other.RemoveKey(first); }).kind(), ErrorKind::kConflict);
  EXPECT_EQ(Open().id(), one.id());
}

class AddOnlyKeyTest : public RepositoryTest {
 protected:
  Repository full_ = Create();
  const KeyFile host_ = KeyFile::Generate();
  const std::string id_ = full_.AddKey(host_, {.key_label = "db1"}, KeyAccess::kAddOnly);
};

TEST_F(AddOnlyKeyTest, OpensNoContentAndSaysSo) {
  const Repository added = Open(host_);
  EXPECT_EQ(added.access(), KeyAccess::kAddOnly);
  EXPECT_FALSE(added.keyring().current().data);
  EXPECT_TRUE(added.keyring().current().seal_secret_key.empty());
  EXPECT_EQ(Open().access(), KeyAccess::kEverything);
  const base::Error error = ErrorOf([&] { added.RequireContentKey("restoring"); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.message(), HasSubstr("restoring needs a key"));
  EXPECT_FALSE(error.hints().empty());
  Open().RequireContentKey("restoring");
}

TEST_F(AddOnlyKeyTest, IsListedAsOne) {
  // Also by whoever cannot open it.
  for (const KeyInfo& key : full_.ListKeys()) {
    EXPECT_EQ(key.access, key.id == id_ ? KeyAccess::kAddOnly : KeyAccess::kEverything);
  }
}

TEST_F(AddOnlyKeyTest, GrantsNoMoreThanItHas) {
  Repository added = Open(host_);
  EXPECT_EQ(ErrorOf([&] { added.AddKey(KeyFile::Generate(), {}); }).kind(), ErrorKind::kUsage);
  EXPECT_EQ(ErrorOf([&] { added.RemoveKey(full_.ListKeys().at(0).id); }).kind(), ErrorKind::kUsage);
  EXPECT_EQ(full_.ListKeys().size(), 2U);
  const KeyFile other = KeyFile::Generate();
  added.AddKey(other, {}, KeyAccess::kAddOnly);
  EXPECT_EQ(Open(other).access(), KeyAccess::kAddOnly);
}

TEST_F(AddOnlyKeyTest, SharesNoSecretWithAKeyThatOpensEverything) {
  const auto add = [&](const Unlock& unlock, KeyAccess access) {
    full_.AddKey(unlock, kCheap, access);
  };
  EXPECT_EQ(ErrorOf([&] { add(Passphrase{"secret"}, KeyAccess::kAddOnly); }).kind(),
            ErrorKind::kConflict);
  const base::Error error = ErrorOf([&] { add(host_, KeyAccess::kEverything); });
  EXPECT_EQ(error.kind(), ErrorKind::kConflict);
  EXPECT_THAT(error.message(), HasSubstr(id_));
  EXPECT_EQ(full_.ListKeys().size(), 2U);
}

TEST_F(AddOnlyKeyTest, CannotPassForAnother) {
  const std::string name = KeyObjectName(id_);
  const nlohmann::json original = ParseChecked(*storage_->Get(name));
  ASSERT_EQ(original.at("access"), "add-only");
  for (const char* const access : {"", "everything", "all"}) {
    nlohmann::json altered = original;
    altered.erase("checksum");
    altered.erase("access");
    if (*access != 0) altered["access"] = access;
    Replace(name, RenderChecked(altered));
    EXPECT_THROW(Open(host_), base::Error) << access;
  }
}

TEST_F(RepositoryTest, RefusesWhatCannotBecomeAKey) {
  EXPECT_EQ(ErrorOf([&] { Create(Passphrase{""}); }).kind(), ErrorKind::kUsage);
  Repository repository = Create();
  for (const std::string& label : {std::string(201, 'a'), std::string("\xff")}) {
    EXPECT_EQ(ErrorOf([&] { repository.AddKey(KeyFile::Generate(), {.key_label = label}); }).kind(),
              ErrorKind::kUsage);
  }
  EXPECT_EQ(repository.ListKeys().size(), 1U);
}

}  // namespace
}  // namespace holdfast::repo
