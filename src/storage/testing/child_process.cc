#include "storage/testing/child_process.h"

#include <fmt/format.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>

#include "base/error.h"

namespace holdfast::storage {

namespace {

void Check(int result, std::string_view action) {
  if (result != 0) throw base::SystemError(errno, fmt::format("cannot {}", action));
}

}  // namespace

void ExpectInChild(const std::function<void()>& body) {
  (void)std::fflush(nullptr);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    try {
      body();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "thrown in the child: " << error.what();
    }
    (void)std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the child failed, see above";
}

void BecomeNobody() {
  constexpr uid_t kNobody = 65534;
  if (::geteuid() != 0) return;
  Check(::setgroups(0, nullptr), "leave the groups");
  Check(::setgid(kNobody), "change the group");
  Check(::setuid(kNobody), "change the user");
}

void UnshareMounts() {
  Check(::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS), "unshare mounts");
  Check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make the mounts private");
}

void MountMemoryDisk(const base::Path& where, std::uint64_t size) {
  Check(::mount("tmpfs", where.c_str(), "tmpfs", 0, fmt::format("size={},mode=0700", size).c_str()),
        "mount a disk in memory");
}

void Unmount(const base::Path& where) { Check(::umount(where.c_str()), "unmount"); }

}  // namespace holdfast::storage
