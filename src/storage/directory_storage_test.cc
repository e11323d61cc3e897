#include "storage/directory_storage.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "storage/testing/child_process.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;
using testing::ElementsAre;
using testing::IsEmpty;

template <typename Work>
base::Error ThrownBy(Work&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error;
  }
  return {ErrorKind::kInternal, "nothing was thrown"};
}

std::vector<std::string> Names(Storage& storage) {
  std::vector<std::string> names;
  for (const ObjectInfo& object : ListAll(storage, "")) names.push_back(object.name);
  return names;
}

// Everything below `root`, of whatever name and kind.
std::vector<std::string> Entries(const base::Path& root) {
  std::vector<std::string> entries;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    entries.push_back(entry.path().lexically_relative(root));
  }
  std::ranges::sort(entries);
  return entries;
}

class DirectoryStorageTest : public testing::Test {
 protected:
  PutOutcome Put(Storage& storage, std::string_view name, std::string_view text = "x") {
    return storage.Put(name, base::AsBytes(text));
  }

  // Requests of each kind for objects that do not exist, each of which must throw `kind`.
  void ExpectEverythingToThrow(Storage& storage, ErrorKind kind) {
    const std::vector<std::function<void()>> requests = {
        [&] { static_cast<void>(Put(storage, "new/object")); },
        [&] { static_cast<void>(Put(storage, "new")); },
        [&] { storage.Get("a/b"); },
        [&] { storage.Get("a"); },
        [&] { storage.GetRange("a/b", 0, 1); },
        [&] { storage.Stat("a/b"); },
        [&] { storage.Stat("a"); },
        [&] { ListAll(storage, ""); },
        [&] { ListAll(storage, "a/"); },
        [&] { ListAll(storage, "absent/"); },
        [&] { ListAll(storage, "//"); },
        [&] { storage.Remove("a/b"); },
        [&] { storage.Remove("a"); },
        [&] { storage.StoreTime(); },
        [&] { storage.RemoveLeftovers(); }};
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const base::Error error = ThrownBy(requests[i]);
      EXPECT_EQ(error.kind(), kind) << "request " << i << ": " << error.what();
    }
  }

  TemporaryDirectory directory_;
  base::Path root_ = directory_.path() / "root";
  DirectoryStorage storage_{root_, {.create = true}};
};

TEST_F(DirectoryStorageTest, DoesNotTakeAMissingRootForAnEmptyOne) {
  const base::Error error = ThrownBy([&] { DirectoryStorage(directory_.path() / "none", {}); });
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  EXPECT_THAT(error.hints(), testing::Contains(testing::HasSubstr("mounted")));
  EXPECT_FALSE(fs::exists(directory_.path() / "none"));
}

TEST_F(DirectoryStorageTest, RefusesARootThatIsNoAbsoluteDirectory) {
  base::WriteFileDurably(directory_.path() / "file", {});
  EXPECT_EQ(ThrownBy([&] { DirectoryStorage(directory_.path() / "file", {}); }).kind(),
            ErrorKind::kUsage);
  EXPECT_EQ(ThrownBy([&] { DirectoryStorage("relative", {}); }).kind(), ErrorKind::kUsage);
}

TEST_F(DirectoryStorageTest, OpensWhatItCreated) {
  EXPECT_EQ(Put(storage_, "a/b"), PutOutcome::kStored);
  DirectoryStorage again(root_, {.create = true});
  DirectoryStorage later(root_ / "", {});
  EXPECT_EQ(again.Get("a/b"), base::ToBytes("x"));
  EXPECT_EQ(later.Get("a/b"), base::ToBytes("x"));
}

TEST_F(DirectoryStorageTest, ThrowsOnceItsRootIsRemoved) {
  EXPECT_EQ(Put(storage_, "a/b"), PutOutcome::kStored);
  fs::remove_all(root_);
  ExpectEverythingToThrow(storage_, ErrorKind::kUnavailable);
  EXPECT_FALSE(fs::exists(root_));
}

TEST_F(DirectoryStorageTest, ThrowsOnceItsRootIsAnotherFolder) {
  EXPECT_EQ(Put(storage_, "a/b"), PutOutcome::kStored);
  fs::rename(root_, directory_.path() / "moved");
  fs::create_directory(root_);
  ExpectEverythingToThrow(storage_, ErrorKind::kUnavailable);
  EXPECT_THAT(Entries(root_), IsEmpty());
  fs::remove(root_);
  fs::rename(directory_.path() / "moved", root_);
  EXPECT_EQ(storage_.Get("a/b"), base::ToBytes("x"));
}

TEST_F(DirectoryStorageTest, SaysThatAnotherFolderHasTakenThePlaceOfItsRoot) {
  EXPECT_EQ(Put(storage_, "a/b"), PutOutcome::kStored);
  fs::rename(root_, directory_.path() / "moved");
  fs::copy(directory_.path() / "moved", root_, fs::copy_options::recursive);
  ExpectEverythingToThrow(storage_, ErrorKind::kConflict);
}

TEST_F(DirectoryStorageTest, ThrowsOnceItsDiskIsUnmounted) {
  ExpectInChild([&] {
    UnshareMounts();
    MountMemoryDisk(root_, base::kMiB);
    DirectoryStorage storage(root_, {});
    EXPECT_EQ(Put(storage, "a/b"), PutOutcome::kStored);
    Unmount(root_);
    ExpectEverythingToThrow(storage, ErrorKind::kUnavailable);
    EXPECT_THAT(Entries(root_), IsEmpty());
  });
}

TEST_F(DirectoryStorageTest, SaysThatTheDiskIsFullAndLeavesNothing) {
  ExpectInChild([&] {
    UnshareMounts();
    MountMemoryDisk(root_, base::kMiB);
    DirectoryStorage storage(root_, {});
    EXPECT_EQ(Put(storage, "a/kept", "kept"), PutOutcome::kStored);
    for (int i = 0; i < 3; ++i) {
      const base::Error error =
          ThrownBy([&] { static_cast<void>(storage.Put("a/big", base::Bytes(2 * base::kMiB))); });
      EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
      EXPECT_THAT(error.hints(), testing::Contains(testing::HasSubstr("space")));
      EXPECT_THAT(Names(storage), ElementsAre("a/kept"));
      EXPECT_THAT(Entries(root_), ElementsAre("a", "a/kept"));
      EXPECT_EQ(storage.Get("a/big"), std::nullopt);
    }
    EXPECT_EQ(storage.Put("a/big", base::Bytes(base::kMiB / 2)), PutOutcome::kStored);
    EXPECT_EQ(storage.Get("a/kept"), base::ToBytes("kept"));
  });
}

TEST_F(DirectoryStorageTest, SaysThatPermissionIsMissing) {
  EXPECT_EQ(Put(storage_, "a/b"), PutOutcome::kStored);
  fs::permissions(directory_.path(), fs::perms(0755));
  fs::permissions(root_, fs::perms(0555));
  ExpectInChild([&] {
    BecomeNobody();
    DirectoryStorage storage(root_, {});
    if (::geteuid() != 65534) fs::permissions(root_ / "a", fs::perms::none);
    EXPECT_EQ(storage.Get("absent"), std::nullopt);
    const std::vector<std::function<void()>> requests = {
        [&] { static_cast<void>(Put(storage, "new/object")); },
        [&] { static_cast<void>(Put(storage, "new")); },
        [&] { static_cast<void>(Put(storage, "a/b")); },
        [&] { storage.Get("a/b"); },
        [&] { storage.Stat("a/b"); },
        [&] { storage.Remove("a/b"); },
        [&] { ListAll(storage, ""); }};
    for (std::size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(ThrownBy(requests[i]).kind(), ErrorKind::kDenied) << "request " << i;
    }
  });
  fs::permissions(root_, fs::perms(0700));
  fs::permissions(root_ / "a", fs::perms(0700));
}

TEST_F(DirectoryStorageTest, GivesItsModesWhateverTheUmask) {
  const mode_t old = ::umask(0777);
  EXPECT_EQ(Put(storage_, "a/b/c"), PutOutcome::kStored);
  DirectoryStorage shared(root_, {.file_mode = 0640, .folder_mode = 0750});
  EXPECT_EQ(Put(shared, "s/c"), PutOutcome::kStored);
  ::umask(old);
  const auto mode = [&](const char* path) {
    return static_cast<unsigned>(fs::status(root_ / path).permissions());
  };
  EXPECT_EQ(mode("a"), 0700U);
  EXPECT_EQ(mode("a/b"), 0700U);
  EXPECT_EQ(mode("a/b/c"), 0600U);
  EXPECT_EQ(mode("s"), 0750U);
  EXPECT_EQ(mode("s/c"), 0640U);
}

TEST_F(DirectoryStorageTest, RemovesFoldersThatBecomeEmpty) {
  EXPECT_EQ(Put(storage_, "a/b/c/d"), PutOutcome::kStored);
  EXPECT_EQ(Put(storage_, "a/e"), PutOutcome::kStored);
  EXPECT_EQ(storage_.Remove("a/b/c/d"), RemoveOutcome::kRemoved);
  EXPECT_THAT(Entries(root_), ElementsAre("a", "a/e"));
  EXPECT_EQ(storage_.Remove("a/e"), RemoveOutcome::kRemoved);
  EXPECT_THAT(Entries(root_), IsEmpty());
  EXPECT_TRUE(fs::exists(root_));
}

TEST_F(DirectoryStorageTest, RefusesAnObjectThatIsAFolder) {
  EXPECT_EQ(Put(storage_, "a/b"), PutOutcome::kStored);
  EXPECT_EQ(ThrownBy([&] { static_cast<void>(Put(storage_, "a")); }).kind(), ErrorKind::kConflict);
  EXPECT_EQ(ThrownBy([&] { static_cast<void>(Put(storage_, "a/b/c")); }).kind(),
            ErrorKind::kConflict);
  EXPECT_THAT(Entries(root_), ElementsAre("a", "a/b"));
}

TEST_F(DirectoryStorageTest, ListsNoStrangersButTouchesNoneEither) {
  for (const char* name : {"lost+found", ".snapshot", "a b"}) fs::create_directory(root_ / name);
  for (const char* name : {".nfs0001", ".put-1", "lost+found/x", "a~", ".snapshot/x"}) {
    base::WriteFileDurably(root_ / name, {});
  }
  EXPECT_EQ(Put(storage_, "a/b"), PutOutcome::kStored);
  EXPECT_THAT(Names(storage_), ElementsAre("a/b"));
  EXPECT_EQ(Entries(root_).size(), 10U);
}

TEST_F(DirectoryStorageTest, GivesWhatRootPutsToTheOwnerOfItsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "root only gives files away";
  constexpr uid_t kUser = 65534;
  constexpr gid_t kGroup = 65533;
  ASSERT_EQ(::chown(root_.c_str(), kUser, kGroup), 0);
  EXPECT_EQ(Put(storage_, "a/b/c"), PutOutcome::kStored);
  for (const std::string& name : Entries(root_)) {
    struct stat status {};
    ASSERT_EQ(::stat((root_ / name).c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, kUser) << name;
    EXPECT_EQ(status.st_gid, kGroup) << name;
  }
}

TEST_F(DirectoryStorageTest, MayHaveASymbolicLinkAsItsRoot) {
  fs::create_symlink(root_, directory_.path() / "link");
  DirectoryStorage linked(directory_.path() / "link", {});
  EXPECT_EQ(Put(linked, "a/b"), PutOutcome::kStored);
  EXPECT_EQ(storage_.Get("a/b"), base::ToBytes("x"));
}

class StrangerTest : public DirectoryStorageTest, public testing::WithParamInterface<const char*> {
 protected:
  StrangerTest() {
    fs::create_directory(outside_);
    base::WriteFileDurably(outside_ / "file", base::AsBytes("secret"));
    const std::string kind = GetParam();
    const base::Path stranger = root_ / "stranger";
    if (kind == "link_to_folder") fs::create_directory_symlink(outside_, stranger);
    if (kind == "link_to_file") fs::create_symlink(outside_ / "file", stranger);
    if (kind == "dangling_link") fs::create_symlink(outside_ / "none", stranger);
    if (kind == "pipe" && ::mkfifo(stranger.c_str(), 0600) != 0) ADD_FAILURE();
  }
  base::Path outside_ = directory_.path() / "outside";
};

TEST_P(StrangerTest, IsRefusedByEveryRequestThatMeetsIt) {
  const std::vector<std::function<void()>> requests = {
      [&] { static_cast<void>(Put(storage_, "stranger")); },
      [&] { static_cast<void>(Put(storage_, "stranger/file")); },
      [&] { storage_.Get("stranger"); },
      [&] { storage_.Get("stranger/file"); },
      [&] { storage_.GetRange("stranger", 0, 1); },
      [&] { storage_.Stat("stranger"); },
      [&] { storage_.Stat("stranger/file"); },
      [&] { storage_.Remove("stranger"); },
      [&] { storage_.Remove("stranger/file"); },
      [&] { ListAll(storage_, ""); },
      [&] { ListAll(storage_, "stranger/"); }};
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const base::Error error = ThrownBy(requests[i]);
    EXPECT_EQ(error.kind(), ErrorKind::kConflict) << "request " << i << ": " << error.what();
  }
  EXPECT_THAT(Entries(outside_), ElementsAre("file"));
  EXPECT_THAT(Entries(root_), ElementsAre("stranger"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, StrangerTest,
                         testing::Values("link_to_folder", "link_to_file", "dangling_link", "pipe"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_F(DirectoryStorageTest, RemovesLeftoversOfADayAgoOnly) {
  EXPECT_EQ(Put(storage_, "a/b"), PutOutcome::kStored);
  const auto leave = [&](const char* name, std::chrono::hours age) {
    base::WriteFileDurably(root_ / name, base::AsBytes("half"));
    fs::last_write_time(root_ / name, fs::file_time_type::clock::now() - age);
  };
  fs::last_write_time(root_ / "a/b", fs::file_time_type::clock::now() - std::chrono::hours(99));
  leave(".put-old", std::chrono::hours(25));
  leave("a/.put-old", std::chrono::hours(25));
  leave("a/.put-young", std::chrono::hours(23));
  leave("a/.other", std::chrono::hours(99));
  EXPECT_EQ(storage_.RemoveLeftovers(), 2U);
  EXPECT_THAT(Entries(root_), ElementsAre("a", "a/.other", "a/.put-young", "a/b"));
}

TEST_F(DirectoryStorageTest, MeasuresAgesOnTheClockOfItsFiles) {
  const base::Time before = storage_.StoreTime();
  EXPECT_EQ(Put(storage_, "a"), PutOutcome::kStored);
  EXPECT_LE(before, storage_.Stat("a")->modified);
  EXPECT_LE(storage_.Stat("a")->modified, storage_.StoreTime());
  EXPECT_THAT(Entries(root_), ElementsAre("a"));
}

// The system calls of publishing, replaced.
class PublishTest : public DirectoryStorageTest {
 protected:
  DirectoryStorage With(PublishCalls calls) {
    return DirectoryStorage(root_, {.publish_calls = std::move(calls)});
  }
  static int Refuse(int, const std::string&, const std::string&) { return EINVAL; }
  PublishCalls real_ = SystemPublishCalls();
};

TEST_F(PublishTest, KnowsItsOwnLinkWhenTheServerSaysThatItExists) {
  auto storage = With({.rename = Refuse, .link = [&](int folder, const auto& from, const auto& to) {
                         EXPECT_EQ(real_.link(folder, from, to), 0);
                         return EEXIST;
                       }});
  EXPECT_EQ(Put(storage, "a/b", "mine"), PutOutcome::kStored);
  EXPECT_EQ(storage.Get("a/b"), base::ToBytes("mine"));
  EXPECT_THAT(Entries(root_), ElementsAre("a", "a/b"));
}

TEST_F(PublishTest, KnowsTheLinkOfAnother) {
  auto storage = With({.rename = Refuse, .link = [&](int folder, const auto& from, const auto& to) {
                         EXPECT_EQ(Put(storage_, "a/b", "theirs"), PutOutcome::kStored);
                         return real_.link(folder, from, to);
                       }});
  EXPECT_EQ(Put(storage, "a/b", "mine"), PutOutcome::kAlreadyThere);
  EXPECT_EQ(storage.Get("a/b"), base::ToBytes("theirs"));
  EXPECT_THAT(Entries(root_), ElementsAre("a", "a/b"));
}

TEST_F(PublishTest, LosesARaceForTheNameWithoutReplacing) {
  auto storage = With({.rename =
                           [&](int folder, const auto& from, const auto& to) {
                             EXPECT_EQ(Put(storage_, "a/b", "theirs"), PutOutcome::kStored);
                             return real_.rename(folder, from, to);
                           },
                       .link = Refuse});
  EXPECT_EQ(Put(storage, "a/b", "mine"), PutOutcome::kAlreadyThere);
  EXPECT_EQ(storage.Get("a/b"), base::ToBytes("theirs"));
  EXPECT_THAT(Entries(root_), ElementsAre("a", "a/b"));
}

TEST_F(PublishTest, BeginsAgainWhenItsTemporaryFileAndFolderAreTakenAway) {
  int calls = 0;
  auto storage = With({.rename =
                           [&](int folder, const auto& from, const auto& to) {
                             if (++calls == 1) fs::remove_all(root_ / "a");
                             return real_.rename(folder, from, to);
                           },
                       .link = Refuse});
  EXPECT_EQ(Put(storage, "a/b/c", "mine"), PutOutcome::kStored);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(storage.Get("a/b/c"), base::ToBytes("mine"));
}

TEST_F(PublishTest, RefusesAFileSystemThatCanDoNeither) {
  auto storage = With({.rename = Refuse, .link = Refuse});
  EXPECT_EQ(ThrownBy([&] { static_cast<void>(Put(storage, "a/b")); }).kind(), ErrorKind::kUsage);
  EXPECT_THAT(Entries(root_), ElementsAre("a"));
}

TEST_F(PublishTest, LeavesNothingWhenTheFileSystemFails) {
  const auto fail = [](int, const std::string&, const std::string&) { return EIO; };
  for (auto& calls : {PublishCalls{fail, Refuse}, PublishCalls{Refuse, fail}}) {
    auto storage = With(calls);
    EXPECT_EQ(ThrownBy([&] { static_cast<void>(Put(storage, "a/b")); }).kind(),
              ErrorKind::kUnavailable);
    EXPECT_THAT(Entries(root_), ElementsAre("a"));
  }
}

}  // namespace
}  // namespace holdfast::storage
