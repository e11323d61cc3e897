#include "config/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/size_text.h"
#include "base/time_text.h"
#include "config/name.h"
#include "config/schema.h"

namespace holdfast::config {
namespace {

constexpr std::uint32_t kMaxInteger = 2'147'483'647;

std::optional<std::uint32_t> ToInteger(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > kMaxInteger)
    return std::nullopt;
  return number;
}

std::vector<std::string> Choices(const KeySpec& spec) {
  std::vector<std::string> choices;
  std::string_view rest = spec.choices;
  while (!rest.empty()) {
    const std::size_t bar = std::min(rest.find('|'), rest.size());
    choices.emplace_back(rest.substr(0, bar));
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return choices;
}

class Binder {
 public:
  Binder(Settings& settings, std::vector<Problem>& problems)
      : settings_(settings), problems_(problems) {}

  // The value, which for a key with a default becomes known to the settings.
  const Setting* Find(const Key& key) {
    const auto found = settings_.values.find(key);
    if (found != settings_.values.end()) return &found->second;
    const KeySpec* spec = FindKey(key);
    if (spec == nullptr || spec->default_text.empty()) return nullptr;
    return Default(key, std::string(spec->default_text));
  }

  const Setting* Default(const Key& key, std::string text) {
    return &settings_.values.try_emplace(key, Setting{{std::move(text)}, {}}).first->second;
  }

  std::string Text(const Key& key) {
    const Setting* setting = Find(key);
    if (setting == nullptr) return {};
    CheckChoice(key, *setting);
    return setting->values.empty() ? std::string() : setting->values.front();
  }

  std::vector<std::string> List(const Key& key) {
    const Setting* setting = Find(key);
    if (setting == nullptr) return {};
    CheckChoice(key, *setting);
    return setting->values;
  }

  // Parses with `parse`, which throws base::Error on what it does not like.
  template <typename Parse>
  auto Parsed(const Key& key, Parse parse) -> std::optional<decltype(parse(std::string()))> {
    const Setting* setting = Find(key);
    if (setting == nullptr) return std::nullopt;
    try {
      return parse(setting->values.front());
    } catch (const base::Error& error) {
      Wrong(key, error.message(), error.hints());
      return std::nullopt;
    }
  }

  std::optional<std::uint32_t> Integer(const Key& key) {
    return Parsed(key, [](const std::string& text) {
      if (const auto number = ToInteger(text)) return *number;
      throw base::Error(
          base::ErrorKind::kUsage,
          fmt::format("\"{}\" is not a whole number from 0 to {}", text, kMaxInteger));
    });
  }
  std::optional<double> Decimal(const Key& key) {
    return Parsed(key, [](const std::string& text) {
      double number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc{} && end == text.data() + text.size() && std::isfinite(number) &&
          number >= 0)
        return number;
      throw base::Error(base::ErrorKind::kUsage,
                        fmt::format("\"{}\" is not a number from 0, such as 0.023", text));
    });
  }
  std::optional<bool> Boolean(const Key& key) {
    return Parsed(key, [](const std::string& text) {
      if (text == "true" || text == "false") return text == "true";
      throw base::Error(base::ErrorKind::kUsage,
                        fmt::format("\"{}\" is neither true nor false", text));
    });
  }
  std::optional<std::uint64_t> Size(const Key& key) { return Parsed(key, base::ParseBytes); }
  std::optional<base::Duration> Duration(const Key& key) {
    return Parsed(key, base::ParseDuration);
  }
  std::optional<base::Path> Path(const Key& key) {
    const std::string text = Text(key);
    return text.empty() ? std::nullopt : std::optional<base::Path>(text);
  }

  void Wrong(const Key& key, std::string_view message, std::vector<std::string> hints = {}) {
    const auto found = settings_.values.find(key);
    problems_.push_back({found == settings_.values.end() ? Origin{} : found->second.origin,
                         fmt::format("{}: {}", ToText(key), message), std::move(hints)});
  }

  std::size_t problems() const { return problems_.size(); }
  std::vector<std::string> Names(const Key& prefix) const { return settings_.Names(prefix); }
  bool Has(const Key& key) const { return settings_.values.contains(key); }
  bool HasTable(const Key& prefix) const {
    const auto found = settings_.values.lower_bound(prefix);
    return found != settings_.values.end() && found->first.size() >= prefix.size() &&
           std::equal(prefix.begin(), prefix.end(), found->first.begin());
  }

 private:
  void CheckChoice(const Key& key, const Setting& setting) {
    const KeySpec* spec = FindKey(key);
    if (spec == nullptr || spec->choices.empty()) return;
    const auto choices = Choices(*spec);
    for (const std::string& value : setting.values) {
      if (std::find(choices.begin(), choices.end(), value) != choices.end()) continue;
      const auto near = Nearest(value, choices);
      Wrong(key, fmt::format("\"{}\" is not one of {}", value, fmt::join(choices, ", ")),
            near ? std::vector{fmt::format("did you mean \"{}\"?", *near)}
                 : std::vector<std::string>{});
    }
  }

  Settings& settings_;
  std::vector<Problem>& problems_;
};

Key operator/(Key key, std::string_view part) {
  key.emplace_back(part);
  return key;
}

template <typename T>
void Set(T& target, const std::optional<T>& value) {
  if (value) target = *value;
}

std::string Zone(Binder& binder, const Key& key, std::string fallback) {
  const auto zone = binder.Parsed(key, [](const std::string& text) {
    base::CheckTimeZone(text);
    return text;
  });
  return zone.value_or(std::move(fallback));
}

// More days than anybody means, and few enough to reckon with.
constexpr std::uint32_t kMostDays = 100 * 366;

// Rules that are all 0 would let every backup go but the newest: too much for a slip of the pen.
void CheckKeepsAnything(Binder& binder, const Key& key, const Retention& retention) {
  if (retention.last > 0 || retention.hours > 0 || retention.days > 0 || retention.weeks > 0 ||
      retention.months > 0 || retention.years > 0 || retention.fulls > 0 ||
      retention.within > base::Duration(0))
    return;
  for (const std::string_view rule :
       {"last", "hours", "days", "weeks", "months", "years", "fulls", "within"}) {
    if (!binder.Has(key / rule)) continue;
    binder.Wrong(key / rule, "a retention whose every rule is 0 keeps nothing",
                 {"leave it out to keep every backup; last = 1 keeps the newest alone"});
    return;
  }
}

void CheckWalDays(Binder& binder, const Key& key, const Retention& retention) {
  if (!retention.wal_days || (*retention.wal_days >= 1 && *retention.wal_days <= kMostDays)) return;
  binder.Wrong(key / "wal_days", fmt::format("from 1 to {}", kMostDays),
               {"without it every moment since the oldest backup stays within reach"});
}

Retention BindRetention(Binder& binder, const Key& key) {
  const std::size_t problems = binder.problems();
  Retention retention;
  Set(retention.last, binder.Integer(key / "last"));
  Set(retention.hours, binder.Integer(key / "hours"));
  Set(retention.days, binder.Integer(key / "days"));
  Set(retention.weeks, binder.Integer(key / "weeks"));
  Set(retention.months, binder.Integer(key / "months"));
  Set(retention.years, binder.Integer(key / "years"));
  Set(retention.fulls, binder.Integer(key / "fulls"));
  Set(retention.within, binder.Duration(key / "within"));
  retention.wal_days = binder.Integer(key / "wal_days");
  if (binder.problems() > problems) return retention;
  CheckKeepsAnything(binder, key, retention);
  CheckWalDays(binder, key, retention);
  return retention;
}

// At least a kilobyte a second: less is a slip of the pen, and nothing would ever end.
std::optional<std::uint64_t> BindLimit(Binder& binder, const Key& key) {
  const auto limit = binder.Size(key);
  if (limit && *limit < base::kKiB) binder.Wrong(key, "at least 1KiB a second");
  return limit;
}

// A secret as text or in a file.
void CheckOneOf(Binder& binder, const Key& key, const std::string& name) {
  if (binder.Has(key / name) && binder.Has(key / (name + "_file")))
    binder.Wrong(key / name, fmt::format("set together with {}_file", name));
}

void CheckLock(Binder& binder, const Key& key, const S3& s3) {
  if (s3.object_lock_mode.empty() != (s3.object_lock_days == 0))
    binder.Wrong(key / "object_lock_mode", "object_lock_mode and object_lock_days go together");
}

void CheckKms(Binder& binder, const Key& key, const S3& s3) {
  if (!s3.kms_key_id.empty() && s3.server_side_encryption != "aws:kms")
    binder.Wrong(key / "kms_key_id", "goes with server_side_encryption = \"aws:kms\"");
}

// Objects must be there to be read at any moment.
void CheckStorageClass(Binder& binder, const Key& key, const S3& s3) {
  if (s3.storage_class == "GLACIER" || s3.storage_class == "DEEP_ARCHIVE")
    binder.Wrong(key / "storage_class",
                 fmt::format("objects in {} cannot be read at once", s3.storage_class),
                 {"STANDARD_IA, GLACIER_IR and INTELLIGENT_TIERING can"});
}

S3 BindS3(Binder& binder, const Key& key) {
  S3 s3{.endpoint = binder.Text(key / "endpoint"),
        .region = binder.Text(key / "region"),
        .path_style = binder.Text(key / "path_style"),
        .ca_file = binder.Path(key / "ca_file"),
        .access_key_id = binder.Text(key / "access_key_id"),
        .access_key_id_file = binder.Path(key / "access_key_id_file"),
        .secret_access_key = binder.Text(key / "secret_access_key"),
        .secret_access_key_file = binder.Path(key / "secret_access_key_file"),
        .session_token = binder.Text(key / "session_token"),
        .profile = binder.Text(key / "profile"),
        .credentials_file = binder.Path(key / "credentials_file"),
        .storage_class = binder.Text(key / "storage_class"),
        .server_side_encryption = binder.Text(key / "server_side_encryption"),
        .kms_key_id = binder.Text(key / "kms_key_id"),
        .object_lock_mode = binder.Text(key / "object_lock_mode"),
        .object_lock_days = binder.Integer(key / "object_lock_days").value_or(0),
        .checksum = binder.Text(key / "checksum")};
  CheckOneOf(binder, key, "access_key_id");
  CheckOneOf(binder, key, "secret_access_key");
  CheckLock(binder, key, s3);
  CheckKms(binder, key, s3);
  CheckStorageClass(binder, key, s3);
  return s3;
}

std::optional<Prices> BindPrices(Binder& binder, const Key& key) {
  if (!binder.HasTable(key)) return std::nullopt;
  return Prices{.currency = binder.Text(key / "currency"),
                .storage = binder.Decimal(key / "storage").value_or(0),
                .put = binder.Decimal(key / "put").value_or(0),
                .get = binder.Decimal(key / "get").value_or(0),
                .download = binder.Decimal(key / "download").value_or(0)};
}

Repository BindRepository(Binder& binder, const std::string& name) {
  const Key key{"repository", name};
  Repository repository;
  repository.name = name;
  repository.url = binder.Text(key / "url");
  if (repository.url.empty()) {
    binder.Wrong(key / "url", "a repository needs a URL",
                 {fmt::format("[{}] url = \"file:///var/lib/holdfast\"", ToText(key))});
  }
  repository.key_file = binder.Path(key / "key_file");
  repository.passphrase_file = binder.Path(key / "passphrase_file");
  const auto whole = [](const std::string& text) { return text; };
  repository.passphrase_env = binder.Parsed(key / "passphrase_env", whole);
  repository.passphrase = binder.Parsed(key / "passphrase", whole);
  if (repository.key_file.has_value() + repository.passphrase_file.has_value() +
          repository.passphrase_env.has_value() + repository.passphrase.has_value() >
      1) {
    binder.Wrong(key, "more than one of key_file, passphrase_file, passphrase_env and passphrase");
  }
  Set(repository.pack_size, binder.Size(key / "pack_size"));
  if (repository.pack_size < base::kMiB || repository.pack_size > 128 * base::kMiB)
    binder.Wrong(key / "pack_size", "a pack is between 1 MiB and 128 MiB");
  Set(repository.compression, binder.Parsed(key / "compression", Compression::Parse));
  repository.limit_upload = BindLimit(binder, key / "limit_upload");
  repository.limit_download = BindLimit(binder, key / "limit_download");
  repository.s3 = BindS3(binder, key);
  repository.prices = BindPrices(binder, key / "prices");
  return repository;
}

Job BindJob(Binder& binder, const Key& key, const std::string& timezone) {
  Job job;
  job.name = key.back();
  job.kind = binder.Text(key / "kind");
  if (job.kind.empty()) {
    binder.Wrong(key / "kind", "a job needs a kind", {"kind = \"backup\", for example"});
  }
  job.schedule = binder.Text(key / "schedule");
  job.timezone = Zone(binder, key / "timezone", timezone);
  job.databases = binder.List(key / "databases");
  job.tables = binder.List(key / "tables");
  job.retention = BindRetention(binder, key / "retention");
  const Key plain = key / "plain";
  if (!binder.HasTable(plain)) return job;
  job.plain = PlainCopy{.to = binder.Text(plain / "to"),
                        .name = binder.Text(plain / "name"),
                        .days = binder.Integer(plain / "days"),
                        .latest_link = binder.Boolean(plain / "latest_link").value_or(false)};
  if (job.plain->to.empty()) binder.Wrong(plain / "to", "plain copies need a folder to go to");
  return job;
}

// Slots are called by [a-z0-9_] only.
std::string SlotName(std::string_view source) {
  std::string name = fmt::format("holdfast_{}", source);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return name.substr(0, 63);
}

void CheckSlotName(Binder& binder, const Key& key, const std::string& name) {
  if (name.empty() || name.size() > 63 ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
    binder.Wrong(key, "a slot name is 1 to 63 of a-z, 0-9 and '_'");
}

SourceType TypeOf(const std::string& text) {
  if (text == "mysql") return SourceType::kMysql;
  return text == "volume" ? SourceType::kVolume : SourceType::kPostgres;
}

WalMode WalModeOf(const std::string& text) {
  if (text == "push") return WalMode::kPush;
  return text == "both" ? WalMode::kBoth : WalMode::kStream;
}

// There each tail is a request that is paid for.
bool IsInS3(Binder& binder, const std::string& repository) {
  return !repository.empty() && binder.Text({"repository", repository, "url"}).starts_with("s3://");
}

void BindStreaming(Binder& binder, const Key& key, Source& source) {
  source.wal = WalModeOf(binder.Text(key / "wal"));
  binder.Default(key / "slot_name", SlotName(source.name));
  source.slot_name = binder.Text(key / "slot_name");
  CheckSlotName(binder, key / "slot_name", source.slot_name);
  Set(source.spool_max, binder.Size(key / "spool_max"));
  binder.Default(key / "tail_interval", IsInS3(binder, source.repository) ? "10s" : "1s");
  Set(source.tail_interval, binder.Duration(key / "tail_interval"));
  Set(source.wal_poll_interval, binder.Duration(key / "wal_poll_interval"));
  Set(source.copy_interval, binder.Duration(key / "copy_interval"));
  if (source.copy_interval < std::chrono::seconds(1))
    binder.Wrong(key / "copy_interval", "at least 1s");
  if (source.wal_poll_interval < std::chrono::milliseconds(10))
    binder.Wrong(key / "wal_poll_interval", "at least 10ms");
  if (source.spool_max < 64 * base::kMiB)
    binder.Wrong(key / "spool_max", "at least 64 MiB: it must hold whole WAL segments");
}

Health BindHealth(Binder& binder, const Key& key) {
  return {.max_backup_age = binder.Duration(key / "max_backup_age"),
          .max_wal_lag = binder.Duration(key / "max_wal_lag"),
          .min_size = binder.Size(key / "min_size"),
          .rto = binder.Duration(key / "rto")};
}

void BindCluster(Binder& binder, const Key& key, Source& source) {
  source.connection = binder.Text(key / "connection");
  source.data_directory = binder.Path(key / "data_directory");
  const std::optional<std::uint32_t> jobs = binder.Integer(key / "jobs");
  if (jobs) source.jobs = *jobs;
  if (source.jobs < 1 || source.jobs > 64) binder.Wrong(key / "jobs", "from 1 to 64");
  BindStreaming(binder, key, source);
}

void BindVolume(Binder& binder, const Key& key, Source& source) {
  source.volume = binder.Text(key / "volume");
  source.path = binder.Path(key / "path");
  if (source.volume.empty() != source.path.has_value())
    binder.Wrong(key, "a volume source needs either volume or path");
}

void CheckRepositoryName(Binder& binder, const Key& key, const std::string& name,
                         const std::vector<std::string>& repositories) {
  if (std::find(repositories.begin(), repositories.end(), name) != repositories.end()) return;
  const auto near = Nearest(name, repositories);
  std::vector<std::string> hints;
  if (near) hints.push_back(fmt::format("did you mean \"{}\"?", *near));
  binder.Wrong(key, fmt::format("there is no repository \"{}\"", name), std::move(hints));
}

Source BindSource(Binder& binder, const std::string& name, const std::string& timezone) {
  const Key key{"source", name};
  const std::vector<std::string> repositories = binder.Names({"repository"});
  Source source;
  source.name = name;
  source.type = TypeOf(binder.Text(key / "type"));
  if (!binder.Has(key / "repository") && !repositories.empty())
    binder.Default(key / "repository", repositories.front());
  source.repository = binder.Text(key / "repository");
  if (!source.repository.empty())
    CheckRepositoryName(binder, key / "repository", source.repository, repositories);
  if (source.type == SourceType::kVolume) {
    BindVolume(binder, key, source);
  } else {
    BindCluster(binder, key, source);
  }
  for (const std::string& index : binder.Names(key / "copies")) {
    const Key copy = key / "copies" / index;
    source.copies.push_back(
        {binder.Text(copy / "repository"), BindRetention(binder, copy / "retention")});
    CheckRepositoryName(binder, copy / "repository", source.copies.back().repository, repositories);
  }
  source.retention = BindRetention(binder, key / "retention");
  for (const std::string& job : binder.Names(key / "job"))
    source.jobs_by_name.push_back(BindJob(binder, key / "job" / job, timezone));
  source.health = BindHealth(binder, key / "health");
  return source;
}

template <typename Named>
const Named& FindNamed(const std::vector<Named>& all, std::string_view name,
                       std::string_view what) {
  std::vector<std::string> names;
  for (const Named& one : all) {
    if (one.name == name) return one;
    names.push_back(one.name);
  }
  base::Error error(base::ErrorKind::kUsage, fmt::format("no {} \"{}\" is configured", what, name));
  if (const auto near = Nearest(name, names)) {
    error.AddHint(fmt::format("did you mean \"{}\"?", *near));
  } else if (names.empty()) {
    error.AddHint(fmt::format("add a [{}.{}] table to holdfast.toml", what, name));
  } else {
    error.AddHint(fmt::format("configured: {}", fmt::join(names, ", ")));
  }
  throw error;
}

}  // namespace

Compression Compression::Parse(std::string_view text) {
  if (text == "none") return {.method = Method::kNone};
  if (text == "lz4") return {.method = Method::kLz4};
  if (text == "zstd") return {};
  if (text.starts_with("zstd:")) {
    const auto level = ToInteger(text.substr(5));
    if (level && *level >= 1 && *level <= 19)
      return {.method = Method::kZstd, .level = static_cast<int>(*level)};
  }
  throw base::Error(base::ErrorKind::kUsage, fmt::format("\"{}\" is no compression", text),
                    {"\"zstd:1\" to \"zstd:19\", \"lz4\" and \"none\" are"});
}

const Repository& Config::RepositoryNamed(std::string_view name) const {
  if (!name.empty()) return FindNamed(repositories, name, "repository");
  if (!repositories.empty()) return repositories.front();
  throw base::Error(
      base::ErrorKind::kUsage, "no repository is configured",
      {"add a [repository.main] table with a url to holdfast.toml, or set HOLDFAST_REPOSITORY_URL",
       "`holdfast init --url file:///... --key-file ...` creates one and shows the table"});
}

const Source& Config::SourceNamed(std::string_view name) const {
  return FindNamed(sources, name, "source");
}

Config Bind(Settings settings, std::vector<Problem>& problems) {
  Config config;
  Binder binder(settings, problems);
  config.timezone = Zone(binder, {"timezone"}, "UTC");
  config.state_directory = binder.Text({"state_directory"});
  for (const std::string& name : binder.Names({"repository"}))
    config.repositories.push_back(BindRepository(binder, name));
  for (const std::string& name : binder.Names({"source"}))
    config.sources.push_back(BindSource(binder, name, config.timezone));
  config.notify.urls = binder.List({"notify", "urls"});
  config.notify.on = binder.List({"notify", "on"});
  config.settings = std::move(settings);
  return config;
}

}  // namespace holdfast::config
