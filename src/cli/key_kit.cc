#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/error.h"
#include "catalog/cluster_facts.h"
#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/option_values.h"
#include "cli/parser.h"
#include "cli/recovery_kit.h"
#include "cli/session.h"
#include "cli/unlock.h"
#include "config/mask.h"
#include "repo/snapshot.h"

namespace holdfast::cli {
namespace {

struct KitOptions {
  std::string to;
  std::string language;
};

constexpr int kServerVersionsPerMajor = 10'000;  // 150004 is 15.4

std::string LocaleOf(const config::Environment& environment) {
  for (const char* const name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) return found->second;
  }
  return {};
}

KitLanguage LanguageOf(const Session& session, const KitOptions& options) {
  return KitLanguageOf(options.language.empty() ? LocaleOf(session.invocation().environment)
                                                : options.language);
}

int MajorOf(const repo::Snapshot& snapshot) {
  return catalog::FactsOf(snapshot).server_version / kServerVersionsPerMajor;
}

// Ascending by name, each with its newest backup that can be read. `unreadable`: those that cannot.
std::vector<KitSource> SourcesIn(
    const repo::Repository& repository,
    const std::function<void(const repo::BackupId&, const base::Error&)>& unreadable) {
  std::map<std::string, KitSource> sources;
  for (const repo::Snapshot& snapshot : repo::ReadSnapshots(repository, {}, unreadable)) {
    if (snapshot.facts.kind != catalog::kClusterKind) continue;
    try {
      sources[snapshot.id.source] = {.name = snapshot.id.source,
                                     .newest_backup = snapshot.id.ToString(),
                                     .postgres_major = MajorOf(snapshot)};
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kCorrupt) throw;
      unreadable(snapshot.id, error);
    }
  }
  std::vector<KitSource> list;
  list.reserve(sources.size());
  for (auto& [name, source] : sources) list.push_back(std::move(source));
  return list;
}

repo::KeyInfo KeyInUse(const repo::Repository& repository) {
  const std::vector<repo::KeyInfo> keys = repository.ListKeys();
  const auto found = std::ranges::find_if(keys, &repo::KeyInfo::opened_this);
  if (found != keys.end()) return *found;
  throw base::Error(base::ErrorKind::kConflict, "the key in use was removed meanwhile",
                    {"open the repository with another, and make the kit with that"});
}

KitFacts FactsOf(Session& session, const config::Repository& settings,
                 const repo::Repository& repository, bool& complete) {
  const auto unreadable = [&](const repo::BackupId& id, const base::Error& error) {
    session.reporter().Warn(fmt::format("the kit leaves out backup {}, which cannot be read: {}",
                                        id.ToString(), error.message()));
    complete = false;
  };
  const repo::KeyInfo key = KeyInUse(repository);
  KitFacts facts{.repository = settings.name,
                 .id = repository.id(),
                 .url = config::MaskUrlPassword(settings.url),
                 .endpoint = settings.s3.endpoint,
                 .region = settings.s3.region,
                 .ca_file = settings.s3.ca_file ? settings.s3.ca_file->string() : "",
                 .key_id = key.id,
                 .key_label = key.label,
                 .made = session.TimeForPeople(session.clock().Now()),
                 .version = std::string(Version()),
                 .sources = SourcesIn(repository, unreadable)};
  if (settings.key_file) facts.key_line = ReadKeyFile(*settings.key_file).Line();
  return facts;
}

base::Path FileFor(const Session& session, const KitOptions& options, std::string_view name) {
  const base::Path& here = session.invocation().working_directory;
  return options.to.empty() ? here / fmt::format("holdfast-recovery-kit-{}.txt", name)
                            : here / options.to;
}

// Refused in words before anything is read; what appears meanwhile is not replaced either.
void RefuseExisting(const base::Path& file) {
  if (!base::Exists(file)) return;
  throw base::Error(base::ErrorKind::kConflict, fmt::format("{} exists", file.string()),
                    {"it is not replaced: name another path with --to"});
}

void WarnOf(Session& session, const KitFacts& facts) {
  if (facts.key_line) {
    session.reporter().Warn("whoever has this kit can read the backups");
  } else {
    session.reporter().Warn("the kit does not hold the passphrase: keep that elsewhere");
  }
}

int MakeKit(Session& session, const KitOptions& options) {
  const config::Repository& settings = ChooseRepository(session, nullptr);
  const bool to_output = options.to == "-";
  const base::Path file = to_output ? base::Path() : FileFor(session, options, settings.name);
  if (!to_output) RefuseExisting(file);
  const repo::Repository repository = OpenRepository(session, settings);
  repository.RequireContentKey("a recovery kit");
  bool complete = true;
  const KitFacts facts = FactsOf(session, settings, repository, complete);
  const std::string text = RecoveryKitText(facts, LanguageOf(session, options));
  if (to_output) {
    session.out() << text;
  } else {
    WriteNewSecret(file, text);
    if (session.json()) {
      session.PrintJson({{"file", file.string()}, {"key", facts.key_id}});
    } else {
      session.out() << fmt::format("wrote {}: print it, keep it in a safe, and remove the file\n",
                                   file.string());
    }
  }
  WarnOf(session, facts);
  return ToInt(complete ? ExitCode::kDone : ExitCode::kAttention);
}

}  // namespace

Command KeyKitCommand() {
  return {
      .path = "key kit",
      .purpose = "Write the recovery kit: a sheet that gets everything back without this machine",
      .example =
          "holdfast key kit --repository main --to /root/kit.txt\n"
          "  holdfast key kit --to - | lp",
      .declare = [](CLI::App& app) -> Action {
        const auto options = std::make_shared<KitOptions>();
        app.add_option("--to", options->to,
                       "File to write, which must not exist; - is standard output (default: "
                       "holdfast-recovery-kit-REPOSITORY.txt here)")
            ->type_name("FILE");
        TakesWord(app.add_option("--language", options->language,
                                 "Language of the sheet (default: as the locale says)"),
                  {"en", "ja"});
        return [options](Session& session) { return MakeKit(session, *options); };
      }};
}

}  // namespace holdfast::cli
