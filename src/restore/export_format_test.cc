#include "restore/export_format.h"

#include <gtest/gtest.h>

namespace holdfast::restore {
namespace {

TEST(ExportFormat, IsToldByHowANameEnds) {
  EXPECT_EQ(ExportFormatOf("shop.tar"), ExportFormat::kTar);
  EXPECT_EQ(ExportFormatOf("/a.tar/shop.tar.gz"), ExportFormat::kTarGz);
  EXPECT_EQ(ExportFormatOf("shop.tgz"), ExportFormat::kTarGz);
  EXPECT_EQ(ExportFormatOf("shop.tar.zst"), ExportFormat::kTarZst);
  EXPECT_EQ(ExportFormatOf("shop.7z"), ExportFormat::k7z);
}

TEST(ExportFormat, IsADirectoryWhenANameEndsInNothingKnown) {
  for (const char* name : {"shop", "/srv/plain/shop", "shop.directory", "tar", ".7z.", "shop.zip"})
    EXPECT_EQ(ExportFormatOf(name), ExportFormat::kDirectory) << name;
}

TEST(ExportFormat, KnowsTheEndingsOfArchivesThatItDoesNotMake) {
  EXPECT_EQ(OtherArchiveEnding("shop.zip"), ".zip");
  EXPECT_EQ(OtherArchiveEnding("/srv/shop.tar.xz"), ".tar.xz");
  EXPECT_EQ(OtherArchiveEnding("shop.gz"), ".gz");
  for (const char* name : {"shop", "shop.tar.gz", "shop.tar.zst", "shop.7z", "/a.zip/shop", "zip"})
    EXPECT_EQ(OtherArchiveEnding(name), "") << name;
}

TEST(ExportFormat, IsParsedByTheNamesItHas) {
  for (const std::string& name : ExportFormatNames())
    EXPECT_EQ(ExportFormatName(ParseExportFormat(name).value()), name);
  EXPECT_FALSE(ParseExportFormat(""));
  EXPECT_FALSE(ParseExportFormat("TAR"));
}

}  // namespace
}  // namespace holdfast::restore
