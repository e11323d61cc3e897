#include "config/load.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "config/schema.h"

namespace holdfast::config {
namespace {

using testing::HasSubstr;
using testing::Not;

class Load : public testing::Test {
 protected:
  Load() : folder_(base::Path(testing::TempDir()) / ("holdfast_load_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~Load() override { std::filesystem::remove_all(folder_); }

  base::Path Write(const std::string& name, std::string_view text) {
    base::WriteFileDurably(folder_ / name, base::AsBytes(text));
    return folder_ / name;
  }
  LoadOptions Options(Environment environment = {}) {
    return {.file = {},
            .environment = std::move(environment),
            .working_directory = folder_,
            .superuser = true,
            .system_file = folder_ / "system.toml"};
  }
  Config LoadText(std::string_view text, Environment environment = {}) {
    Write("holdfast.toml", text);
    return config::Load(Options(std::move(environment)));
  }
  std::string Refusal(std::string_view text) {
    try {
      LoadText(text);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::kUsage);
      return error.message();
    }
    return "(accepted)";
  }

  base::Path folder_;
};

TEST_F(Load, UnderstandsTheExampleOfTheManual) {
  const base::Bytes example =
      base::ReadFile(base::Path(__FILE__).parent_path() / "corpus/config_fuzzer/product.toml");
  const Config config = LoadText(base::AsText(example));
  EXPECT_EQ(config.timezone, "Asia/Tokyo");
  ASSERT_EQ(config.repositories.size(), 2U);
  EXPECT_EQ(config.repositories[0].name, "main");
  EXPECT_EQ(config.repositories[0].key_file, "/etc/holdfast/main.key");
  ASSERT_EQ(config.sources.size(), 2U);
  const Source& shop = config.sources[0];
  EXPECT_EQ(shop.repository, "main");
  EXPECT_EQ(shop.slot_name, "holdfast_shop");
  ASSERT_EQ(shop.copies.size(), 1U);
  EXPECT_EQ(shop.copies[0].retention.months, 12U);
  ASSERT_EQ(shop.jobs_by_name.size(), 3U);
  EXPECT_EQ(shop.jobs_by_name[0].retention.wal_days, 14U);
  EXPECT_EQ(shop.jobs_by_name[0].timezone, "Asia/Tokyo");
  ASSERT_TRUE(shop.jobs_by_name[1].plain);
  EXPECT_TRUE(shop.jobs_by_name[1].plain->latest_link);
  EXPECT_EQ(shop.health.max_backup_age, std::chrono::hours(1));
  EXPECT_EQ(config.sources[1].type, SourceType::kVolume);
}

TEST_F(Load, NeedsNoFile) {
  const Config config = config::Load(Options(
      {{"HOLDFAST_REPOSITORY_URL", "/backup"}, {"HOLDFAST_SOURCE_SHOP_CONNECTION", "host=db"}}));
  EXPECT_FALSE(config.file);
  EXPECT_EQ(config.RepositoryNamed("").name, "main");
  EXPECT_EQ(config.SourceNamed("shop").repository, "main");
  EXPECT_EQ(config.state_directory, "/var/lib/holdfast-state");
}

TEST_F(Load, TheEnvironmentWinsOverTheFile) {
  const Config config = LoadText("[repository.main]\nurl = \"/a\"\npack_size = \"8MiB\"\n",
                                 {{"HOLDFAST_REPOSITORY_MAIN_URL", "/b"}});
  EXPECT_EQ(config.RepositoryNamed("main").url, "/b");
  EXPECT_EQ(config.RepositoryNamed("main").pack_size, 8 * base::kMiB);
  EXPECT_EQ(config.settings.values.at({"repository", "main", "url"}).origin.ToText(),
            "HOLDFAST_REPOSITORY_MAIN_URL");
}

TEST_F(Load, SearchesInTheOrderThatIsPromised) {
  Write("system.toml", "timezone = \"UTC\"\n");
  EXPECT_EQ(FindFile(Options()), folder_ / "system.toml");
  Write("holdfast.toml", "");
  EXPECT_EQ(FindFile(Options()), folder_ / "holdfast.toml");
  Write("other.toml", "");
  LoadOptions options = Options({{"HOLDFAST_CONFIG", "other.toml"}});
  EXPECT_EQ(FindFile(options), folder_ / "other.toml");
  options.file = Write("named.toml", "");
  EXPECT_EQ(FindFile(options), folder_ / "named.toml");
}

TEST_F(Load, AFileThatWasNamedMustExist) {
  LoadOptions options = Options({{"HOLDFAST_CONFIG", "missing.toml"}});
  EXPECT_THROW(FindFile(options), base::Error);
  options.file = "missing.toml";
  EXPECT_THROW(FindFile(options), base::Error);
}

TEST_F(Load, RefusesWhatCannotBeMeant) {
  const std::string main = "[repository.main]\nurl = \"/a\"\n";
  EXPECT_THAT(Refusal("[repository.main]\n"), HasSubstr("needs a URL"));
  EXPECT_THAT(Refusal(main + "pack_size = \"1kB\"\n"), HasSubstr("between 1 MiB and 128 MiB"));
  EXPECT_THAT(Refusal(main + "compression = \"gzip\"\n"), HasSubstr("no compression"));
  EXPECT_THAT(Refusal(main + "compression = \"zstd:20\"\n"), HasSubstr("no compression"));
  EXPECT_THAT(Refusal(main + "key_file = \"/k\"\npassphrase_env = \"P\"\n"),
              HasSubstr("more than one of"));
  EXPECT_THAT(Refusal("timezone = \"Mars/Olympus\"\n"), HasSubstr("holdfast.toml:1: timezone"));
  EXPECT_THAT(Refusal(main + "[source.a]\nwal = \"strem\"\n"),
              HasSubstr("not one of stream, push"));
  EXPECT_THAT(Refusal(main + "[source.a]\nrepository = \"mian\"\n"),
              HasSubstr("no repository \"mian\""));
  EXPECT_THAT(Refusal(main + "[source.a]\njobs = 0\n"), HasSubstr("from 1 to 64"));
  EXPECT_THAT(Refusal(main + "[source.a]\nslot_name = \"Big-Slot\"\n"), HasSubstr("slot name"));
  EXPECT_THAT(Refusal("[source.a]\ntype = \"volume\"\n"), HasSubstr("volume or path"));
  EXPECT_THAT(Refusal("[source.a.job.b]\nschedule = \"@daily\"\n"), HasSubstr("needs a kind"));
  EXPECT_THAT(Refusal("[source.a.health]\nrto = \"soon\"\n"), HasSubstr("source.a.health.rto"));
}

TEST_F(Load, KnowsTheRetentionOfSourcesJobsAndCopies) {
  const Config config = LoadText(
      "[repository.main]\nurl = \"/a\"\n[source.a]\n"
      "retention = { last = 3, hours = 0, within = \"2d\", fulls = 2, wal_days = 7 }\n"
      "copies = [{ repository = \"main\", retention = { years = 2 } }]\n"
      "[source.a.job.b]\nkind = \"backup\"\nretention.weeks = 4\n[source.b]\n",
      {{"HOLDFAST_SOURCE_B_RETENTION_DAYS", "30"}});
  const Source& a = config.SourceNamed("a");
  EXPECT_EQ(a.retention.last, 3U);
  EXPECT_EQ(a.retention.hours, 0U);
  EXPECT_EQ(a.retention.within, std::chrono::hours(48));
  EXPECT_EQ(a.retention.fulls, 2U);
  EXPECT_EQ(a.retention.wal_days, 7U);
  EXPECT_EQ(a.copies[0].retention.years, 2U);
  EXPECT_EQ(a.jobs_by_name[0].retention.weeks, 4U);
  EXPECT_EQ(config.SourceNamed("b").retention.days, 30U);
  EXPECT_FALSE(config.SourceNamed("b").retention.wal_days);
}

TEST_F(Load, RefusesARetentionThatCannotBeMeant) {
  const auto refusal = [&](std::string_view rules) {
    return Refusal(fmt::format("[source.a.retention]\n{}\n", rules));
  };
  EXPECT_THAT(refusal("last = 0\ndays = 0"), HasSubstr("source.a.retention.last: a retention"));
  EXPECT_THAT(refusal("within = \"0s\""), HasSubstr("keeps nothing"));
  EXPECT_THAT(refusal("within = \"soon\""), HasSubstr("not a duration"));
  EXPECT_THAT(refusal("days = \"a week\""), HasSubstr("holdfast.toml:2"));
  EXPECT_THAT(refusal("wal_days = 0"), HasSubstr("wal_days: from 1 to"));
  EXPECT_THAT(refusal("wal_days = 40000"), HasSubstr("wal_days: from 1 to"));
  EXPECT_THAT(refusal("full = 3"), HasSubstr("unknown key"));
  EXPECT_EQ(refusal("wal_days = 14"), "(accepted)");
  EXPECT_EQ(refusal("days = 0\nlast = 1"), "(accepted)");
}

TEST_F(Load, RefusesSettingsOfS3ThatCannotBeMeant) {
  const std::string s3 = "[repository.main]\nurl = \"s3://b\"\n";
  EXPECT_THAT(Refusal(s3 + "path_style = \"both\"\n"), HasSubstr("not one of auto, path, virtual"));
  EXPECT_THAT(Refusal(s3 + "secret_access_key = \"x\"\nsecret_access_key_file = \"/x\"\n"),
              HasSubstr("set together with secret_access_key_file"));
  EXPECT_THAT(Refusal(s3 + "object_lock_mode = \"governance\"\n"), HasSubstr("go together"));
  EXPECT_THAT(Refusal(s3 + "object_lock_days = 3\n"), HasSubstr("go together"));
  EXPECT_THAT(Refusal(s3 + "kms_key_id = \"x\"\n"), HasSubstr("aws:kms"));
  EXPECT_THAT(Refusal(s3 + "storage_class = \"DEEP_ARCHIVE\"\n"), HasSubstr("at once"));
  EXPECT_THAT(Refusal(s3 + "limit_upload = 100\n"), HasSubstr("at least 1KiB"));
}

TEST_F(Load, TakesAmazonsVariablesForWhatIsLeftOpen) {
  const Config config = LoadText(
      "[repository.near]\nurl = \"/a\"\n"
      "[repository.far]\nurl = \"s3://b\"\nregion = \"eu-west-1\"\n",
      {{"AWS_ENDPOINT_URL", "http://all:1"},
       {"AWS_ENDPOINT_URL_S3", "http://s3:1"},
       {"AWS_REGION", "us-east-2"},
       {"AWS_CA_BUNDLE", "ca.pem"},
       {"AWS_SECRET_ACCESS_KEY", "hunter2"}});
  EXPECT_EQ(config.RepositoryNamed("far").s3.endpoint, "http://s3:1");
  EXPECT_EQ(config.RepositoryNamed("far").s3.region, "eu-west-1");
  EXPECT_EQ(config.RepositoryNamed("far").s3.ca_file, folder_ / "ca.pem");
  EXPECT_EQ(config.RepositoryNamed("near").s3.endpoint, "");
  EXPECT_EQ(config.settings.values.at({"repository", "far", "endpoint"}).origin.ToText(),
            "AWS_ENDPOINT_URL_S3");
  for (const auto& [key, setting] : config.settings.values) {
    EXPECT_THAT(Shown(*FindKey(key), setting), Not(HasSubstr("hunter2")));
  }
}

TEST_F(Load, StoresTailsLessOftenWhereEachIsPaidFor) {
  const std::string text = "[repository.near]\nurl = \"/a\"\n[repository.far]\nurl = \"s3://b\"\n";
  const Config config = LoadText(text +
                                 "[source.a]\n[source.b]\nrepository = \"far\"\n"
                                 "[source.c]\nrepository = \"far\"\ntail_interval = \"1s\"\n");
  EXPECT_EQ(config.SourceNamed("a").tail_interval, std::chrono::seconds(1));
  EXPECT_EQ(config.SourceNamed("b").tail_interval, std::chrono::seconds(10));
  EXPECT_EQ(config.SourceNamed("c").tail_interval, std::chrono::seconds(1));
  EXPECT_EQ(config.settings.values.at({"source", "b", "tail_interval"}).origin.ToText(), "default");
}

TEST_F(Load, MakesARepositoryThatNoFileKnows) {
  const Repository made =
      LoadRepository(Options({{"HOLDFAST_REPOSITORY_FAR_REGION", "r1"},
                              {"HOLDFAST_REPOSITORY_FAR_URL", "s3://other"},
                              {"HOLDFAST_REPOSITORY_FAR_SECRET_ACCESS_KEY", "x"},
                              {"AWS_ENDPOINT_URL", "http://e:1"}}),
                     "far", {{"url", "s3://b"}});
  EXPECT_EQ(made.url, "s3://b");
  EXPECT_EQ(made.s3.region, "r1");
  EXPECT_EQ(made.s3.endpoint, "http://e:1");
  EXPECT_EQ(made.s3.secret_access_key, "x");
  EXPECT_THROW(LoadRepository(Options(), "far", {{"url", "s3://b"}, {"path_style", "x"}}),
               base::Error);
}

TEST_F(Load, SaysHowManyMoreThingsAreWrong) {
  Write("holdfast.toml", "a = 1\nb = 2\nc = 3\n");
  try {
    config::Load(Options());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.hints().back(), HasSubstr("2 more to mend"));
  }
}

TEST_F(Load, SuggestsTheNearestSource) {
  const Config config = LoadText("[repository.main]\nurl = \"/a\"\n[source.shop]\n");
  try {
    config.SourceNamed("shpo");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.hints().front(), "did you mean \"shop\"?");
  }
}

TEST_F(Load, EverySettingCanBeShownAndNoSecretIsSeen) {
  const Config config = LoadText(
      "[repository.main]\nurl = \"/a\"\npassphrase = \"hunter2\"\n"
      "[source.shop]\nconnection = \"host=db password=hunter2\"\n"
      "[notify]\nurls = [\"slack://hunter2\"]\n");
  for (const auto& [key, setting] : config.settings.values) {
    ASSERT_NE(FindKey(key), nullptr);
    EXPECT_THAT(Shown(*FindKey(key), setting), Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace holdfast::config
