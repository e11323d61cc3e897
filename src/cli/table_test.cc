#include "cli/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace holdfast::cli {
namespace {

TEST(DisplayWidth, CountsWideCharactersTwiceAndMarksNotAtAll) {
  EXPECT_EQ(DisplayWidth("shop"), 4);
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("é"), 1);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);
  EXPECT_EQ(DisplayWidth("ｱ"), 1);
  EXPECT_EQ(DisplayWidth("Ａ"), 2);
}

TEST(Clip, NeverCutsACharacter) {
  EXPECT_EQ(Clip("日本語", 5), "日本");
  EXPECT_EQ(Clip("abc", 2), "ab");
  EXPECT_EQ(Clip("abc", 0), "");
}

TEST(Printable, LetsNothingSteerATerminal) {
  EXPECT_EQ(Printable("a\033[2Jb\nc"), "a?[2Jb?c");
  EXPECT_EQ(Printable("日本"), "日本");
  EXPECT_EQ(Printable("\xff\xc0\x80\xed\xa0\x80"), "??????");
  EXPECT_EQ(Printable("\xe6\x97"), "??");
  EXPECT_EQ(Printable("\u202Egnp.exe"), "?gnp.exe");
}

TEST(Table, AlignsColumnsByWidth) {
  Table table({{"NAME"}, {"SIZE", Table::Align::kRight}});
  table.Add({"店", "5 B"});
  table.Add({"shop", "1.0 KiB"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "NAME     SIZE\n店        5 B\nshop  1.0 KiB\n");
}

}  // namespace
}  // namespace holdfast::cli
