#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/open_storage.h"
#include "cli/probe_store.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/toml_text.h"
#include "cli/unlock.h"
#include "config/mask.h"
#include "config/name.h"
#include "config/toml_file.h"

namespace holdfast::cli {
namespace {

struct InitOptions {
  std::string url;
  std::string name = "main";
  std::string endpoint;
  std::string region;
  std::string ca_file;
  std::string key_file;
  std::string passphrase_file;
  bool write_config = false;
};

base::Path Absolute(Session& session, const std::string& path) {
  return (session.invocation().working_directory / path).lexically_normal();
}

// A repository that the configuration does not know yet.
config::Repository NewlyNamed(Session& session, const InitOptions& options) {
  if (!config::IsName(options.name))
    throw base::Error(base::ErrorKind::kUsage, fmt::format("\"{}\" cannot be a name", options.name),
                      {std::string(config::kNameRule)});
  std::map<std::string, std::string> given = {{"url", options.url}};
  if (!options.endpoint.empty()) given["endpoint"] = options.endpoint;
  if (!options.region.empty()) given["region"] = options.region;
  if (!options.ca_file.empty()) given["ca_file"] = Absolute(session, options.ca_file);
  return config::LoadRepository(session.load_options(), options.name, given);
}

// The settings that the repository will be opened by, from the options or the configuration.
config::Repository Wanted(Session& session, const InitOptions& options) {
  config::Repository wanted =
      options.url.empty() ? ChooseRepository(session, nullptr) : NewlyNamed(session, options);
  if (!options.key_file.empty() || !options.passphrase_file.empty()) {
    wanted.key_file.reset();
    wanted.passphrase_file.reset();
    wanted.passphrase_env.reset();
    wanted.passphrase.reset();
  }
  if (!options.key_file.empty()) wanted.key_file = Absolute(session, options.key_file);
  if (!options.passphrase_file.empty())
    wanted.passphrase_file = Absolute(session, options.passphrase_file);
  return wanted;
}

// What the environment said of it is left to the environment.
std::string TomlOf(const config::Repository& repository, const InitOptions& options) {
  std::string toml =
      fmt::format("{}\nurl = {}\n", RepositoryTable(repository.name), TomlString(repository.url));
  if (repository.key_file)
    toml += fmt::format("key_file = {}\n", TomlString(repository.key_file->string()));
  if (repository.passphrase_file)
    toml += fmt::format("passphrase_file = {}\n", TomlString(repository.passphrase_file->string()));
  if (!options.endpoint.empty())
    toml += fmt::format("endpoint = {}\n", TomlString(options.endpoint));
  if (!options.region.empty()) toml += fmt::format("region = {}\n", TomlString(options.region));
  if (!options.ca_file.empty())
    toml += fmt::format("ca_file = {}\n", TomlString(repository.s3.ca_file->string()));
  return toml;
}

// Where --write-config writes: --config, $HOLDFAST_CONFIG, or holdfast.toml here. The file need not
// exist.
base::Path ConfigFile(Session& session) {
  const base::Path& here = session.invocation().working_directory;
  if (!session.options().config.empty()) return here / session.options().config;
  const auto named = session.invocation().environment.find("HOLDFAST_CONFIG");
  if (named != session.invocation().environment.end() && !named->second.empty())
    return here / named->second;
  return here / "holdfast.toml";
}

// The file's new content, the repository's table added. Error(kConflict) when it has one.
std::string WithRepository(const base::Path& file, const config::Repository& repository,
                           const std::string& toml) {
  const auto existing = base::ReadFileIfExists(file);
  std::string text(existing ? base::AsText(*existing) : std::string_view());
  config::Settings settings;
  std::vector<config::Problem> problems;
  config::ReadToml(text, file, settings, problems);
  if (!problems.empty()) throw config::ToError(problems);
  for (const std::string& name : settings.Names({"repository"})) {
    if (name == repository.name)
      throw base::Error(base::ErrorKind::kConflict,
                        fmt::format("{} has a repository {} already", file.string(), name),
                        {"name the new one with --name, or leave out --url to create that one"});
  }
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  if (!text.empty()) text += '\n';
  return text + toml;
}

mode_t ModeOf(const base::Path& file) {
  std::error_code missing;
  const auto status = std::filesystem::status(file, missing);
  return missing ? 0600 : static_cast<mode_t>(status.permissions());
}

// A key must not be made for a place that will be refused.
void RefuseExisting(Session& session, const config::Repository& wanted) {
  try {
    const auto storage = OpenStorage(session, wanted, false);
    static_cast<void>(repo::ReadConfig(*storage));
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::kNotFound) return;
    throw;
  }
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("{} holds a repository already", config::MaskUrlPassword(wanted.url)),
      {"`holdfast key list` shows whether your key opens it"});
}

struct Key {
  repo::Unlock unlock;
  std::string label;
  bool created = false;
};

// Known before the place is touched.
void RequireKey(const config::Repository& wanted) {
  if (wanted.key_file || wanted.passphrase_file || wanted.passphrase || wanted.passphrase_env)
    return;
  throw base::Error(base::ErrorKind::kUsage, "a new repository needs a key, and none is named",
                    {"--key-file /etc/holdfast/main.key makes one and writes it there",
                     "or --passphrase-file FILE takes a passphrase"});
}

Key MakeKey(Session& session, const config::Repository& wanted) {
  if (!wanted.key_file)
    return {UnlockOf(wanted, session.invocation().environment), "passphrase", false};
  NewKeyFile made = MakeKeyFile(*wanted.key_file, config::MaskUrlPassword(wanted.url));
  return {std::move(made.key), wanted.key_file->filename().string(), made.created};
}

using Findings = std::vector<storage::StoreFinding>;

nlohmann::json ToJson(const Findings& findings) {
  nlohmann::json list = nlohmann::json::array();
  for (const storage::StoreFinding& finding : findings)
    list.push_back({{"name", finding.name},
                    {"state", CheckStateName(ToCheckItem(finding).state)},
                    {"detail", finding.words},
                    {"hint", finding.hint}});
  return list;
}

// Done, but for what deserves attention.
ExitCode WarnOf(Session& session, const Findings& findings) {
  ExitCode code = ExitCode::kDone;
  for (const storage::StoreFinding& finding : findings) {
    if (ToCheckItem(finding).state != CheckState::kAttention) continue;
    session.reporter().Warn(fmt::format("{}: {}; {}", finding.name, finding.words, finding.hint));
    code = ExitCode::kAttention;
  }
  return code;
}

void PrintForPeople(Session& session, const config::Repository& wanted, const Key& key,
                    const std::string& id, const Findings& findings,
                    const std::string& toml_to_show) {
  std::ostream& out = session.out();
  out << fmt::format("created repository {} ({})\n", config::MaskUrlPassword(wanted.url), id);
  if (wanted.key_file) {
    out << fmt::format(
        "\n{} key file: {}\n"
        "Without it nobody can read the backups, also not you. Keep a copy away from this machine\n"
        "and from the repository: in a password manager, or printed in a safe.\n",
        key.created ? "New" : "Existing", wanted.key_file->string());
  } else {
    out << "\nWithout the passphrase nobody can read the backups, also not you. Keep it away from\n"
           "this machine and from the repository.\n";
  }
  if (!findings.empty()) out << "\nThe store, found out by trying:\n";
  for (const storage::StoreFinding& finding : findings)
    out << Printable(fmt::format("  {}: {}", finding.name, finding.words)) << '\n';
  if (!toml_to_show.empty()) out << "\nPut this into holdfast.toml:\n\n" << toml_to_show;
}

int Init(Session& session, const InitOptions& options) {
  const config::Repository wanted = Wanted(session, options);
  const base::Path file = options.write_config ? ConfigFile(session) : base::Path();
  RequireKey(wanted);
  const std::string toml = TomlOf(wanted, options);
  // Everything that can be refused is, before anything is made.
  const std::string new_config =
      options.write_config ? WithRepository(file, wanted, toml) : std::string();
  RefuseExisting(session, wanted);
  const Findings findings = ProbeStore(session, wanted);
  RefuseUnfit(wanted, findings);
  const Key key = MakeKey(session, wanted);
  const repo::Repository repository = repo::Repository::Create(
      OpenStorage(session, wanted, true), session.clock(), key.unlock, {.key_label = key.label});
  if (options.write_config) base::WriteFileDurably(file, base::AsBytes(new_config), ModeOf(file));
  if (!session.json()) {
    PrintForPeople(session, wanted, key, repository.id(), findings,
                   !options.url.empty() && !options.write_config ? toml : std::string());
    if (options.write_config)
      session.out() << '\n'
                    << Printable(fmt::format("Written into {}. Next: a [source.NAME] table there, "
                                             "then `holdfast check`.",
                                             file.string()))
                    << '\n';
    return ToInt(WarnOf(session, findings));
  }
  session.PrintJson(
      {{"repository",
        {{"name", wanted.name},
         {"url", config::MaskUrlPassword(wanted.url)},
         {"id", repository.id()}}},
       {"key_file", wanted.key_file ? nlohmann::json(wanted.key_file->string()) : nlohmann::json()},
       {"key_file_created", key.created},
       {"store", ToJson(findings)},
       {"config", toml},
       {"config_file", options.write_config ? nlohmann::json(file.string()) : nlohmann::json()}});
  return ToInt(WarnOf(session, findings));
}

}  // namespace

Command InitCommand() {
  return {.path = "init",
          .purpose = "Create a repository and its key",
          .example =
              "holdfast init --url file:///var/lib/holdfast --key-file "
              "/etc/holdfast/main.key --write-config",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<InitOptions>();
            CLI::Option* url =
                app.add_option("--url", options->url, "Where to create it (default: as configured)")
                    ->type_name("URL");
            app.add_option("--name", options->name, "What to call it in the configuration")
                ->type_name("NAME")
                ->needs(url);
            app.add_option(
                   "--endpoint", options->endpoint,
                   "Server of an s3:// URL: a host, or https://host:port (default: Amazon's)")
                ->type_name("HOST")
                ->needs(url);
            app.add_option("--region", options->region, "Its region (default: found out)")
                ->type_name("REGION")
                ->needs(url);
            app.add_option("--ca-file", options->ca_file,
                           "Certificates to trust there instead of this machine's")
                ->type_name("FILE")
                ->needs(url);
            CLI::Option* key_file = app.add_option(
                "--key-file", options->key_file,
                "Key file to create, or to use when it is there (default: as configured)");
            key_file->type_name("FILE");
            app.add_option("--passphrase-file", options->passphrase_file,
                           "File with a passphrase to use instead of a key file")
                ->type_name("FILE")
                ->excludes(key_file);
            app.add_flag("--write-config", options->write_config,
                         "Add the repository to the configuration file")
                ->needs(url);
            return [options](Session& session) { return Init(session, *options); };
          }};
}

}  // namespace holdfast::cli
