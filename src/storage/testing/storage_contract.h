// What every Storage must do, as one suite.
//
// A test file of any room instantiates it for its storages:
//   INSTANTIATE_TEST_SUITE_P(Memory, StorageContract, testing::Values(ContractSubject{...}),
//   SubjectName);
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "storage/storage.h"

namespace holdfast::storage {

struct ContractSubject {
  std::string name;
  // An empty storage; what it rests on (a temporary directory) is cleared away with it.
  std::function<std::shared_ptr<Storage>()> make;
};

inline void PrintTo(const ContractSubject& subject, std::ostream* out) { *out << subject.name; }

inline std::string SubjectName(const testing::TestParamInfo<ContractSubject>& subject) {
  return subject.param.name;
}

class StorageContract : public testing::TestWithParam<ContractSubject> {
 protected:
  StorageContract() : storage_(GetParam().make()) {}

  void PutText(const std::string& name, std::string_view text = "x") {
    ASSERT_EQ(storage_->Put(name, base::AsBytes(text)), PutOutcome::kStored) << name;
  }

  std::vector<std::string> Listed(std::string_view prefix, std::string_view after = {}) {
    std::vector<std::string> names;
    storage_->List(prefix, after, [&](const ObjectInfo& object) { names.push_back(object.name); });
    return names;
  }

  static base::Bytes Pattern(std::size_t size) {
    base::Bytes bytes(size);
    std::uint32_t state = 1;
    for (std::uint8_t& byte : bytes) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::uint8_t>(state >> 24);
    }
    return bytes;
  }

  template <typename Work>
  static base::ErrorKind KindThrownBy(Work&& work) {
    try {
      work();
    } catch (const base::Error& error) {
      return error.kind();
    }
    ADD_FAILURE() << "nothing was thrown";
    return base::ErrorKind::kInternal;
  }

  std::shared_ptr<Storage> storage_;
};

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StorageContract);

using Names = std::vector<std::string>;

TEST_P(StorageContract, GivesBackWhatWasPut) {
  base::Bytes all_bytes;
  for (int i = 0; i < 1024; ++i) all_bytes.push_back(static_cast<std::uint8_t>(i));
  ASSERT_EQ(storage_->Put("a/b/c", all_bytes), PutOutcome::kStored);
  EXPECT_EQ(storage_->Get("a/b/c"), all_bytes);
  EXPECT_EQ(GetExisting(*storage_, "a/b/c"), all_bytes);
}

TEST_P(StorageContract, NeverReplacesAnObject) {
  PutText("a", "first");
  EXPECT_EQ(storage_->Put("a", base::AsBytes("second")), PutOutcome::kAlreadyThere);
  EXPECT_EQ(storage_->Put("a", base::AsBytes("first")), PutOutcome::kAlreadyThere);
  EXPECT_EQ(storage_->Get("a"), base::ToBytes("first"));
  EXPECT_EQ(Listed(""), (Names{"a"}));
}

TEST_P(StorageContract, KeepsEmptyObjects) {
  PutText("empty", "");
  EXPECT_EQ(storage_->Get("empty"), base::Bytes{});
  EXPECT_EQ(storage_->GetRange("empty", 0, 10), base::Bytes{});
  EXPECT_EQ(storage_->GetRange("empty", 5, 10), base::Bytes{});
  ASSERT_TRUE(storage_->Stat("empty"));
  EXPECT_EQ(storage_->Stat("empty")->size, 0U);
  EXPECT_EQ(Listed(""), (Names{"empty"}));
}

TEST_P(StorageContract, KeepsLargeObjects) {
  const base::Bytes large = Pattern(40 * base::kMiB + 13);
  ASSERT_EQ(storage_->Put("packs/large", large), PutOutcome::kStored);
  const auto got = storage_->Get("packs/large");
  ASSERT_TRUE(got);
  EXPECT_TRUE(base::Equal(*got, large));
  EXPECT_EQ(storage_->Stat("packs/large")->size, large.size());
  const auto tail = storage_->GetRange("packs/large", 40 * base::kMiB, 100);
  ASSERT_TRUE(tail);
  EXPECT_TRUE(base::Equal(*tail, base::ByteView(large).last(13)));
}

TEST_P(StorageContract, ClipsRangesAtTheEnd) {
  PutText("a", "0123456789");
  const auto range = [&](std::uint64_t offset, std::uint64_t length) {
    return std::string(base::AsText(storage_->GetRange("a", offset, length).value()));
  };
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(range(0, 10), "0123456789");
  EXPECT_EQ(range(3, 4), "3456");
  EXPECT_EQ(range(9, 1), "9");
  EXPECT_EQ(range(8, 5), "89");
  EXPECT_EQ(range(10, 1), "");
  EXPECT_EQ(range(11, 1), "");
  EXPECT_EQ(range(kMost, kMost), "");
  EXPECT_EQ(range(1, kMost), "123456789");
  EXPECT_EQ(range(4, 0), "");
}

TEST_P(StorageContract, SaysThatAbsentThingsAreAbsent) {
  PutText("a/b");
  for (const char* name : {"x", "x/y/z", "a", "a/c", "a/b/c", "a/b/c/d", "a/bb"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(storage_->Get(name), std::nullopt);
    EXPECT_EQ(storage_->GetRange(name, 0, 1), std::nullopt);
    EXPECT_EQ(storage_->GetRange(name, 0, 0), std::nullopt);
    EXPECT_FALSE(storage_->Stat(name));
    EXPECT_EQ(storage_->Remove(name), RemoveOutcome::kWasAbsent);
    EXPECT_EQ(KindThrownBy([&] { GetExisting(*storage_, name); }), base::ErrorKind::kNotFound);
  }
  EXPECT_EQ(Listed(""), (Names{"a/b"}));
  EXPECT_EQ(Listed("x"), Names{});
  EXPECT_EQ(Listed("a/b/"), Names{});
}

TEST_P(StorageContract, RemovesOnce) {
  PutText("a/b/c");
  PutText("a/d");
  EXPECT_EQ(storage_->Remove("a/b/c"), RemoveOutcome::kRemoved);
  EXPECT_EQ(storage_->Remove("a/b/c"), RemoveOutcome::kWasAbsent);
  EXPECT_EQ(storage_->Get("a/b/c"), std::nullopt);
  EXPECT_EQ(Listed(""), (Names{"a/d"}));
  PutText("a/b/c", "again");
  EXPECT_EQ(storage_->Get("a/b/c"), base::ToBytes("again"));
  EXPECT_EQ(storage_->Remove("a/d"), RemoveOutcome::kRemoved);
  EXPECT_EQ(storage_->Remove("a/b/c"), RemoveOutcome::kRemoved);
  EXPECT_EQ(Listed(""), Names{});
}

TEST_P(StorageContract, DescribesObjects) {
  const base::Time before = storage_->StoreTime();
  PutText("a", "12345");
  const base::Time after = storage_->StoreTime();
  const auto stat = storage_->Stat("a");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->name, "a");
  EXPECT_EQ(stat->size, 5U);
  // A store may keep whole seconds only.
  EXPECT_GE(stat->modified, before - std::chrono::seconds(1));
  EXPECT_LE(stat->modified, after);
  const auto listed = ListAll(*storage_, "");
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].name, stat->name);
  EXPECT_EQ(listed[0].size, stat->size);
  EXPECT_EQ(listed[0].modified, stat->modified);
  EXPECT_FALSE(storage_->traits().description.empty());
}

TEST_P(StorageContract, TakesNamesUpToTheirLimits) {
  std::string longest = std::string(kMaxSegmentBytes, 's');
  while (longest.size() + 1 + kMaxSegmentBytes <= kMaxNameBytes) {
    longest += "/" + std::string(kMaxSegmentBytes, 's');
  }
  longest += "/" + std::string(kMaxNameBytes - longest.size() - 1, 't');
  ASSERT_EQ(longest.size(), kMaxNameBytes);
  const Names names = {"-", "A.B_c-9", "_", "a.", "a..b", longest};
  for (const std::string& name : names) {
    PutText(name, name);
    EXPECT_EQ(storage_->Get(name), base::ToBytes(name));
  }
  EXPECT_EQ(Listed(""), names);
}

TEST_P(StorageContract, RefusesOtherNames) {
  const Names names = {"",
                       "/",
                       "/a",
                       "a/",
                       "a//b",
                       ".",
                       "..",
                       "a/.",
                       "a/..",
                       "../a",
                       "a/../b",
                       ".hidden",
                       "a/.put-1",
                       "a b",
                       "a\\b",
                       "\xc3\xa4",
                       "a\n",
                       "a*",
                       "a?b",
                       std::string("a\0b", 3),
                       "a~",
                       "a+b",
                       "a:b",
                       std::string(kMaxSegmentBytes + 1, 's'),
                       std::string(450, 'a').replace(200, 1, "/").replace(400, 1, "/") + "/" +
                           std::string(225, 'b') + "/" + std::string(225, 'c')};
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const auto expect_refused = [](const std::function<void()>& request) {
      EXPECT_EQ(KindThrownBy(request), base::ErrorKind::kInternal);
    };
    expect_refused([&] { static_cast<void>(storage_->Put(name, {})); });
    expect_refused([&] { storage_->Get(name); });
    expect_refused([&] { storage_->GetRange(name, 0, 1); });
    expect_refused([&] { storage_->Stat(name); });
    expect_refused([&] { storage_->Remove(name); });
  }
  EXPECT_EQ(Listed(""), Names{});
}

TEST_P(StorageContract, ListsInByteWiseOrderOfFullNames) {
  // '-' < '.' < '/' < digits < capitals < '_' < small letters.
  const Names sorted = {"A",     "a-b", "a-b/c", "a-c.d", "a.b", "a/b", "a/b-c",
                        "a/c/d", "a0",  "aA/x",  "a_",    "aa",  "b/z", "ba"};
  for (auto name = sorted.rbegin(); name != sorted.rend(); ++name) {
    if (*name != "a-b") PutText(*name);  // it would be the folder of "a-b/c"
  }
  Names expected = sorted;
  expected.erase(expected.begin() + 1);
  ASSERT_TRUE(std::is_sorted(expected.begin(), expected.end()));
  EXPECT_EQ(Listed(""), expected);
}

TEST_P(StorageContract, ListsByPrefixAlsoInsideASegment) {
  for (const char* name :
       {"packs/ab/1", "packs/ab/2", "packs/ac/1", "packs/b", "pa", "q", "packs-1"}) {
    PutText(name);
  }
  EXPECT_EQ(Listed("packs/ab/"), (Names{"packs/ab/1", "packs/ab/2"}));
  EXPECT_EQ(Listed("packs/a"), (Names{"packs/ab/1", "packs/ab/2", "packs/ac/1"}));
  EXPECT_EQ(Listed("packs/ab/2"), (Names{"packs/ab/2"}));
  EXPECT_EQ(Listed("packs"),
            (Names{"packs-1", "packs/ab/1", "packs/ab/2", "packs/ac/1", "packs/b"}));
  EXPECT_EQ(Listed("pa").size(), 6U);
  EXPECT_EQ(Listed("q"), (Names{"q"}));
  EXPECT_EQ(Listed("q/"), Names{});
  EXPECT_EQ(Listed("packs/ab/1/"), Names{});
  EXPECT_EQ(Listed("packs//"), Names{});
  EXPECT_EQ(Listed("/"), Names{});
  EXPECT_EQ(Listed("../"), Names{});
}

TEST_P(StorageContract, ListsWhatComesAfterAnyText) {
  const Names all = {"a-b", "a/b/c", "a/b/d", "a/e", "a0", "b/c"};
  for (const std::string& name : all) PutText(name);
  Names positions = {"",     "a",      "a-",  "a.",   "a/", "a/b", "a/b/",
                     "a/b0", "a/b/cc", "a/d", "a/zz", "b",  "c"};
  positions.insert(positions.end(), all.begin(), all.end());
  for (const std::string prefix : {"", "a", "a/", "a/b", "a/b/c", "b"}) {
    for (const std::string& after : positions) {
      Names expected;
      for (const std::string& name : all) {
        if (name.starts_with(prefix) && name > after) expected.push_back(name);
      }
      EXPECT_EQ(Listed(prefix, after), expected) << prefix << " after " << after;
    }
  }
}

TEST_P(StorageContract, HandsOnWhatTheVisitorThrows) {
  for (const char* name : {"a", "b", "c"}) PutText(name);
  int visits = 0;
  EXPECT_EQ(KindThrownBy([&] {
              storage_->List("", {}, [&](const ObjectInfo&) {
                if (++visits == 2)
                  throw base::Error(base::ErrorKind::kUnavailable, "the visitor's");
              });
            }),
            base::ErrorKind::kUnavailable);
  EXPECT_EQ(visits, 2);
}

TEST_P(StorageContract, CanBeUsedByTheVisitorOfAListing) {
  for (const char* name : {"a/1", "a/2", "b/1", "b/2"}) PutText(name);
  storage_->List("", {}, [&](const ObjectInfo& object) {
    EXPECT_EQ(storage_->Remove(object.name), RemoveOutcome::kRemoved);
  });
  EXPECT_EQ(Listed(""), Names{});
}

TEST_P(StorageContract, ListsAllThatStaysWhileOthersWrite) {
  for (int i = 0; i < 50; ++i) PutText("stays/" + std::to_string(100 + i) + "/x");
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    for (int i = 0; !done; ++i) {
      const std::string name = "stays/" + std::to_string(100 + i % 50) + "/y" + std::to_string(i);
      EXPECT_EQ(storage_->Put(name, base::AsBytes("whole")), PutOutcome::kStored);
      EXPECT_EQ(storage_->Remove(name), RemoveOutcome::kRemoved);
    }
  });
  for (int round = 0; round < 10; ++round) {
    int stayed = 0;
    std::string previous;
    storage_->List("stays/", {}, [&](const ObjectInfo& object) {
      EXPECT_LT(previous, object.name);
      previous = object.name;
      if (object.name.ends_with("/x")) ++stayed;
    });
    EXPECT_EQ(stayed, 50);
  }
  done = true;
}

TEST_P(StorageContract, TakesPutsFromManyThreads) {
  std::vector<std::jthread> writers;
  for (int w = 0; w < 8; ++w) {
    writers.emplace_back([this, w] {
      for (int i = 0; i < 10; ++i) {
        const std::string name = "t/" + std::to_string(i) + "/" + std::to_string(w);
        EXPECT_EQ(storage_->Put(name, base::AsBytes(name)), PutOutcome::kStored);
      }
    });
  }
  writers.clear();
  const Names names = Listed("");
  EXPECT_EQ(names.size(), 80U);
  for (const std::string& name : names) EXPECT_EQ(storage_->Get(name), base::ToBytes(name));
}

TEST_P(StorageContract, StoresOneOfManyPutsOfOneName) {
  ASSERT_TRUE(storage_->traits().atomic_put_if_absent);
  for (int round = 0; round < 10; ++round) {
    const std::string name = "folder" + std::to_string(round) + "/contended";
    std::atomic<int> winner = -1;
    std::atomic<int> stored = 0;
    std::vector<std::jthread> writers;
    for (int w = 0; w < 8; ++w) {
      writers.emplace_back([&, w] {
        const base::Bytes contents(10'000, static_cast<std::uint8_t>(w));
        if (storage_->Put(name, contents) == PutOutcome::kStored) {
          ++stored;
          winner = w;
        }
        EXPECT_EQ(storage_->Get(name).value().size(), 10'000U);
      });
    }
    writers.clear();
    ASSERT_EQ(stored, 1);
    EXPECT_EQ(storage_->Get(name), base::Bytes(10'000, static_cast<std::uint8_t>(winner.load())));
  }
}

TEST_P(StorageContract, SurvivesPutsAndRemovesInOneFolder) {
  // A folder that becomes empty must not take a put with it.
  std::vector<std::jthread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([this, w] {
      const std::string name = "deep/er/folder/" + std::to_string(w);
      for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(storage_->Put(name, base::AsBytes("x")), PutOutcome::kStored);
        EXPECT_EQ(storage_->Get(name), base::ToBytes("x"));
        EXPECT_EQ(storage_->Remove(name), RemoveOutcome::kRemoved);
      }
    });
  }
  writers.clear();
  EXPECT_EQ(Listed(""), Names{});
}

TEST_P(StorageContract, LeavesObjectsAloneWhenItRemovesLeftovers) {
  PutText("a/b");
  EXPECT_EQ(storage_->RemoveLeftovers(), 0U);
  EXPECT_EQ(Listed(""), (Names{"a/b"}));
}

}  // namespace holdfast::storage
