#include "restore/config_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::restore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

ConfigPlaces Places(const std::map<std::string, std::string>& settings,
                    const std::vector<std::string>& outside_files = {},
                    bool replaces_source = false) {
  return PlacesIn({.settings = settings,
                   .outside_files = outside_files,
                   .has = [](const std::string& path) { return path == "pg_hba.conf"; }},
                  "/new/data", replaces_source);
}

TEST(PlacesIn, NoticesADataDirectoryThatIsNotTheRestoredOne) {
  const ConfigPlaces places = Places({{"data_directory", "/old/data/"}});
  EXPECT_EQ(places.other_data_directory, "/old/data");
  EXPECT_THAT(places.warnings, ElementsAre(HasSubstr("/old/data: in the restored")));
}

TEST(PlacesIn, TakesNoOffenceAtTheRestoredDirectoryItself) {
  for (const char* same : {"/new/data", "/new/data/", "/new/./data"}) {
    const ConfigPlaces places = Places({{"data_directory", same}});
    EXPECT_EQ(places.other_data_directory, "");
    EXPECT_THAT(places.warnings, IsEmpty());
  }
  EXPECT_THAT(Places({{"port", "1"}}).warnings, IsEmpty());
}

TEST(PlacesIn, LeadsToTheRestoredFileInsteadOfTheSources) {
  const ConfigPlaces places = Places({{"hba_file", "/old/data/pg_hba.conf"}});
  EXPECT_THAT(places.overrides, ElementsAre(Pair("hba_file", "/new/data/pg_hba.conf")));
  EXPECT_THAT(places.warnings, IsEmpty());
}

TEST(PlacesIn, WarnsOfAFileThatIsNotInTheBackup) {
  const ConfigPlaces places = Places({{"ident_file", "/old/data/pg_ident.conf"}});
  EXPECT_THAT(places.overrides, IsEmpty());
  EXPECT_THAT(places.warnings, ElementsAre(HasSubstr("ident_file is /old/data/pg_ident.conf")));
}

TEST(PlacesIn, LeavesFilesThatWereOutsideOrAreInside) {
  const ConfigPlaces places =
      Places({{"hba_file", "/etc/pg/pg_hba.conf"}, {"ident_file", "/new/data/pg_ident.conf"}},
             {"/etc/pg/pg_hba.conf"}, true);
  EXPECT_THAT(places.overrides, IsEmpty());
  EXPECT_THAT(places.warnings, IsEmpty());
  EXPECT_THAT(Places({{"hba_file", "pg_hba.conf"}}).overrides, IsEmpty());
}

TEST(PlacesIn, KeepsACopyOffTheSourcesProcessIdFile) {
  const auto here = ElementsAre(Pair("external_pid_file", "postmaster.external.pid"));
  EXPECT_THAT(Places({{"external_pid_file", "/run/pg.pid"}}).overrides, here);
  EXPECT_THAT(Places({}, {"/etc/pg/postgresql.conf"}).overrides, here);
  EXPECT_THAT(Places({}).overrides, IsEmpty());
  EXPECT_THAT(Places({{"external_pid_file", "/run/pg.pid"}}, {}, true).overrides, IsEmpty());
}

}  // namespace
}  // namespace holdfast::restore
