#include <gtest/gtest.h>

#include "base/error.h"
#include "repo/repository.h"
#include "repo/testing/fixed_ring.h"

namespace holdfast::repo {
namespace {

const KeyFile kFile{.secret = CountingKey(1)};

std::string KeyLine() {
  const std::string text = kFile.ToText("dir:/backups");
  return text.substr(text.find("holdfast-key-1:"));
}

bool IsRefused(std::string_view text) {
  try {
    static_cast<void>(KeyFile::Parse(text));
    return false;
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kUsage);
    EXPECT_EQ(error.message().find(KeyLine().substr(20, 10)), std::string::npos);
    return true;
  }
}

void ExpectRead(std::string_view text) {
  EXPECT_TRUE(base::Equal(KeyFile::Parse(text).secret.view(), kFile.secret.view())) << text;
}

TEST(KeyFile, IsReadAsItWasWritten) {
  ExpectRead(kFile.ToText("dir:/backups"));
  EXPECT_NE(kFile.ToText("dir:/backups").find("dir:/backups"), std::string::npos);
}

TEST(KeyFile, IsWrittenAsItEverWas) {
  EXPECT_EQ(KeyLine(), "holdfast-key-1:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyCk9Riv\n");
}

TEST(KeyFile, SurvivesWhatEditorsDoToIt) {
  std::string text = kFile.ToText("dir:/backups");
  std::string crlf = "\xef\xbb\xbf";
  for (const char c : text) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  ExpectRead(crlf);
  ExpectRead("\n\n \t" + KeyLine() + "\n\n");
  ExpectRead(KeyLine().substr(0, KeyLine().size() - 1));
  ExpectRead("holdfast-key-1: " + KeyLine().substr(15));
}

TEST(KeyFile, IsNotLedAstrayByTheRepositorysName) {
  ExpectRead(kFile.ToText("x\nholdfast-key-1:AAAA"));
}

TEST(KeyFile, IsRefusedWhenItIsSomethingElse) {
  for (const std::string& text :
       {std::string(), std::string("# only a comment\n"), std::string("-----BEGIN KEY-----"),
        std::string("holdfast-key-1:"), std::string("holdfast-key-1:????"),
        "holdfast-key-2:" + KeyLine().substr(15), KeyLine() + KeyLine(), KeyLine() + "x"}) {
    EXPECT_TRUE(IsRefused(text)) << text;
  }
}

TEST(KeyFile, IsRefusedWithAnyOtherDigit) {
  const std::string line = KeyLine().substr(0, KeyLine().size() - 1);
  for (std::size_t i = 15; i < line.size(); ++i) {
    std::string altered = line;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_TRUE(IsRefused(altered)) << i;
    EXPECT_TRUE(IsRefused(line.substr(0, i))) << i;
  }
}

}  // namespace
}  // namespace holdfast::repo
