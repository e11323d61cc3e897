// A process is killed in the middle of putting objects, again and again: what it acknowledged is
// there, and whatever is there is whole.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "base/file.h"
#include "storage/directory_storage.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::storage {
namespace {

std::string NameOf(std::uint32_t number) {
  return "f" + std::to_string(number % 7) + "/g" + std::to_string(number % 3) + "/" +
         std::to_string(number);
}

// Of a size that differs from object to object, up to 600 KiB, and recognisable to the last byte.
base::Bytes ContentsOf(std::uint32_t number) {
  base::Bytes bytes(number * 7919U % (600 * 1024));
  std::uint32_t state = number;
  for (std::uint8_t& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return bytes;
}

// Puts objects until it is killed; says in the pipe what was acknowledged.
[[noreturn]] void PutForEver(const base::Path& root, std::uint32_t first, int acknowledge) {
  DirectoryStorage storage(root, {});
  for (std::uint32_t number = first;; ++number) {
    if (storage.Put(NameOf(number), ContentsOf(number)) != PutOutcome::kStored) ::_exit(1);
    if (::write(acknowledge, &number, sizeof number) != sizeof number) ::_exit(2);
  }
}

struct Round {
  std::uint32_t first = 0;
  int microseconds_to_live = 0;
};

// The numbers that were acknowledged before the kill.
std::vector<std::uint32_t> PutUntilKilled(const base::Path& root, const Round& round) {
  int ends[2] = {};
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) PutForEver(root, round.first, ends[1]);
  ::close(ends[1]);
  // The moment of death is counted from the first acknowledgement, so that each round dies at work.
  struct pollfd ready = {.fd = ends[0], .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ready, 1, 60'000), 1);
  const struct timespec wait = {.tv_sec = 0, .tv_nsec = round.microseconds_to_live * 1000};
  ::nanosleep(&wait, nullptr);
  EXPECT_EQ(::kill(child, SIGKILL), 0);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
  std::vector<std::uint32_t> acknowledged;
  std::uint32_t number = 0;
  while (::read(ends[0], &number, sizeof number) == sizeof number) acknowledged.push_back(number);
  ::close(ends[0]);
  return acknowledged;
}

std::size_t TemporaryFileCount(const base::Path& root) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    count += entry.path().filename().native().starts_with(".put-") ? 1U : 0U;
  }
  return count;
}

TEST(DirectoryCrash, NeverShowsAPartOfAnObjectNorLosesAnAcknowledgedOne) {
  const TemporaryDirectory directory;
  const base::Path root = directory.path() / "root";
  DirectoryStorage storage(root, {.create = true});
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (std::uint32_t round = 0; round < 60; ++round) {
    const auto acknowledged = PutUntilKilled(
        root, {.first = round * 100'000,
               .microseconds_to_live = std::uniform_int_distribution<int>(0, 20'000)(random)});
    ASSERT_FALSE(acknowledged.empty());
    for (const std::uint32_t number : acknowledged) {
      ASSERT_TRUE(storage.Stat(NameOf(number))) << NameOf(number) << " was acknowledged";
    }
    std::size_t count = 0;
    for (const ObjectInfo& object : ListAll(storage, "")) {
      const auto number = std::stoul(object.name.substr(object.name.rfind('/') + 1));
      ASSERT_EQ(storage.Get(object.name), ContentsOf(static_cast<std::uint32_t>(number)))
          << object.name;
      ++count;
      ASSERT_EQ(storage.Remove(object.name), RemoveOutcome::kRemoved);
    }
    ASSERT_GE(count, acknowledged.size());
    ASSERT_LE(count, acknowledged.size() + 1);
  }
  // Else no child was killed in the middle, and nothing was proved.
  EXPECT_GT(TemporaryFileCount(root), 0U);
}

}  // namespace
}  // namespace holdfast::storage
