#include "base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"

namespace holdfast::base {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "file_test.XXXXXX").native();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }

  std::size_t EntryCount() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_), {}));
  }

  Path directory_;
};

// Sets the process's umask for a scope.
class UmaskScope {
 public:
  explicit UmaskScope(mode_t mask) : old_(::umask(mask)) {}
  ~UmaskScope() { ::umask(old_); }
  UmaskScope(const UmaskScope&) = delete;
  UmaskScope& operator=(const UmaskScope&) = delete;

 private:
  mode_t old_;
};

mode_t ModeOf(const Path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

template <typename Work>
Error ThrownBy(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::kInternal, "nothing was thrown"};
}

TEST_F(FileTest, ReadsWhatItWrote) {
  File file = File::Open(directory_ / "f", O_RDWR | O_CREAT);
  file.Append(AsBytes("hello "));
  file.Append(AsBytes("world"));
  file.WriteAt(6, AsBytes("there"));
  file.Sync();
  EXPECT_EQ(file.Size(), 11U);
  Bytes out(100);
  EXPECT_EQ(file.ReadAt(6, out), 5U);
  EXPECT_EQ(AsText(ByteView(out).first(5)), "there");
  EXPECT_EQ(file.ReadAt(11, out), 0U);
  EXPECT_EQ(file.ReadAt(1000, out), 0U);
  file.Truncate(5);
  file.Close();
  EXPECT_FALSE(file.is_open());
  EXPECT_EQ(ReadFile(directory_ / "f"), ToBytes("hello"));
}

TEST_F(FileTest, ClosesItsDescriptorOnceWhenMoved) {
  File first = File::Open(directory_ / "a", O_RDWR | O_CREAT);
  const int fd = first.fd();
  File second = std::move(first);
  EXPECT_EQ(second.fd(), fd);
  second = File::Open(directory_ / "b", O_RDWR | O_CREAT);
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
  EXPECT_EQ(second.path(), directory_ / "b");
  EXPECT_NE(::fcntl(second.fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(FileTest, NamesThePathOfEveryFailure) {
  const Error missing = ThrownBy([&] { File::Open(directory_ / "none", O_RDONLY); });
  EXPECT_EQ(missing.kind(), ErrorKind::kNotFound);
  EXPECT_EQ(missing.message(),
            "cannot open " + (directory_ / "none").native() + ": No such file or directory");
  const File reader = File::Open("/dev/null", O_RDONLY);
  EXPECT_NE(ThrownBy([] { File::Open("/dev/full", O_WRONLY).Append(AsBytes("x")); })
                .message()
                .find("/dev/full"),
            std::string::npos);
}

TEST_F(FileTest, SaysThatAFullDeviceIsFull) {
  const Error error = ThrownBy([] { File::Open("/dev/full", O_WRONLY).WriteAt(0, AsBytes("x")); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_FALSE(error.hints().empty());
}

TEST_F(FileTest, TellsAMissingFileFromAnUnreadableOne) {
  EXPECT_EQ(ReadFileIfExists(directory_ / "none"), std::nullopt);
  EXPECT_EQ(ThrownBy([&] { ReadFile(directory_ / "none"); }).kind(), ErrorKind::kNotFound);
  EXPECT_THROW(ReadFileIfExists(directory_), Error);
}

TEST_F(FileTest, ReadsFilesOfAnySizeAndOfNone) {
  for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 1'000'000U}) {
    Bytes contents(size);
    for (std::size_t i = 0; i < size; ++i) contents[i] = static_cast<std::uint8_t>(i * 7);
    WriteFileDurably(directory_ / "f", contents);
    EXPECT_EQ(ReadFile(directory_ / "f"), contents);
  }
  EXPECT_FALSE(ReadFile("/proc/self/status").empty());
}

TEST_F(FileTest, ReplacesDurablyAndLeavesNoTemporaryFile) {
  WriteFileDurably(directory_ / "f", AsBytes("old"));
  WriteFileDurably(directory_ / "f", AsBytes("new"));
  EXPECT_EQ(ReadFile(directory_ / "f"), ToBytes("new"));
  EXPECT_EQ(EntryCount(), 1U);
}

TEST_F(FileTest, LeavesTheOldFileAndNoTemporaryOneWhenReplacingFails) {
  std::filesystem::create_directory(directory_ / "folder");
  EXPECT_THROW(WriteFileDurably(directory_ / "folder", AsBytes("new")), Error);
  EXPECT_EQ(EntryCount(), 1U);
}

TEST_F(FileTest, GivesTheModeAskedForWhateverTheUmask) {
  {
    const UmaskScope scope(0777);
    WriteFileDurably(directory_ / "f", AsBytes("x"), 0640);
  }
  EXPECT_EQ(ModeOf(directory_ / "f"), 0640U);
}

TEST_F(FileTest, MakesAllFoldersThatAreMissing) {
  const Path deep = directory_ / "a" / "b" / "c";
  MakeDirectories(deep);
  MakeDirectories(deep);
  MakeDirectories(deep / "");
  EXPECT_TRUE(std::filesystem::is_directory(deep));
  EXPECT_EQ(ModeOf(deep), 0700U);
}

TEST_F(FileTest, MakesNoFolderInPlaceOfAFile) {
  WriteFileDurably(directory_ / "f", AsBytes("x"));
  EXPECT_THROW(MakeDirectories(directory_ / "f"), Error);
  EXPECT_THROW(MakeDirectories(directory_ / "f" / "g"), Error);
}

TEST_F(FileTest, ListsAndRemovesAndSaysWhatItCannot) {
  WriteFileDurably(directory_ / "f", AsBytes("x"));
  MakeDirectories(directory_ / "d");
  EXPECT_THAT(NamesIn(directory_), testing::UnorderedElementsAre("f", "d"));
  EXPECT_THROW(NamesIn(directory_ / "f"), Error);
  EXPECT_TRUE(RemoveFile(directory_ / "f"));
  EXPECT_FALSE(RemoveFile(directory_ / "f"));
  EXPECT_THROW(RemoveFile(directory_ / "d"), Error);
  EXPECT_TRUE(Exists(directory_ / "d"));
  EXPECT_FALSE(Exists(directory_ / "f"));
  EXPECT_FALSE(Exists(directory_ / "f" / "g"));
  EXPECT_THROW(Exists(directory_ / std::string(300, 'n')), Error) << "unknown is not absent";
}

TEST_F(FileTest, KnowsTheFreeSpaceOfAPathThatIsYetToBe) {
  EXPECT_GT(FreeBytes(directory_), 0U);
  EXPECT_GT(FreeBytes(directory_ / "x" / "y" / "z"), 0U);
  EXPECT_EQ(FreeBytes("/proc"), 0U);
}

}  // namespace
}  // namespace holdfast::base
