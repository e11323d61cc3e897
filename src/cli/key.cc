#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/open_repository.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/unlock.h"
#include "config/mask.h"

namespace holdfast::cli {
namespace {

struct AddOptions {
  std::string key_file;
  std::string passphrase_file;
  std::string label;
  bool add_only = false;
};

// What can be refused is, before a key file is made.
void CheckMayAdd(const repo::Repository& repository, const AddOptions& options) {
  if (!options.add_only) repository.RequireContentKey("adding a key that opens everything");
}

int AddKey(Session& session, const AddOptions& options) {
  if (options.key_file.empty() && options.passphrase_file.empty())
    throw base::Error(
        base::ErrorKind::kUsage, "key add needs --key-file or --passphrase-file",
        {"--key-file PATH makes a key file, --passphrase-file PATH takes a passphrase"});
  const config::Repository& settings = ChooseRepository(session, nullptr);
  repo::Repository repository = OpenRepository(session, settings);
  CheckMayAdd(repository, options);
  const auto access = options.add_only ? repo::KeyAccess::kAddOnly : repo::KeyAccess::kEverything;
  const base::Path& here = session.invocation().working_directory;
  std::string label = options.label;
  std::string id;
  if (options.key_file.empty()) {
    if (label.empty()) label = "passphrase";
    id = repository.AddKey(ReadPassphraseFile(here / options.passphrase_file), {.key_label = label},
                           access);
  } else {
    const base::Path path = here / options.key_file;
    if (label.empty()) label = path.filename().string();
    const NewKeyFile made = MakeKeyFile(path, config::MaskUrlPassword(settings.url), access);
    id = repository.AddKey(made.key, {.key_label = label}, access);
  }
  if (session.json()) {
    session.PrintJson({{"id", id}, {"label", label}, {"access", repo::KeyAccessName(access)}});
  } else {
    session.out() << fmt::format("added key {} ({}){}\n", id, label,
                                 options.add_only ? ", which may only add" : "");
  }
  return ToInt(ExitCode::kDone);
}

// What neither opens anything nor tells has no access.
std::string_view AccessText(const repo::KeyInfo& key) {
  const bool opens = key.kind != "damaged" && key.kind != "leftover";
  return opens ? repo::KeyAccessName(key.access) : std::string_view();
}

int ListKeys(Session& session) {
  const repo::Repository repository = OpenRepository(session, ChooseRepository(session, nullptr));
  nlohmann::json list = nlohmann::json::array();
  Table table({{"KEY"}, {"KIND"}, {"ACCESS"}, {"LABEL"}, {"CREATED"}, {"IN USE"}});
  for (const repo::KeyInfo& key : repository.ListKeys()) {
    list.push_back({{"id", key.id},
                    {"kind", key.kind},
                    {"access", AccessText(key)},
                    {"label", key.label},
                    {"created", session.TimeText(key.created)},
                    {"in_use", key.opened_this}});
    table.Add({key.id, key.kind, std::string(AccessText(key)), key.label,
               session.TimeForPeople(key.created), key.opened_this ? "this one" : ""});
  }
  if (session.json()) {
    session.PrintJson(list);
  } else {
    table.Print(session.out());
  }
  return ToInt(ExitCode::kDone);
}

int RemoveKey(Session& session, const std::string& id) {
  repo::Repository repository = OpenRepository(session, ChooseRepository(session, nullptr));
  repository.RemoveKey(id);
  if (session.json()) {
    session.PrintJson({{"removed", id}});
  } else {
    session.out() << fmt::format("removed key {}\n", id);
  }
  return ToInt(ExitCode::kDone);
}

}  // namespace

Command KeyAddCommand() {
  return {.path = "key add",
          .purpose = "Add another key that opens the repository",
          .example =
              "holdfast key add --key-file /mnt/usb/spare.key --label spare\n"
              "  holdfast key add --key-file db1.key --add-only",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<AddOptions>();
            CLI::Option* key_file = app.add_option(
                "--key-file", options->key_file, "Key file to create, or to use when it is there");
            key_file->type_name("FILE");
            app.add_option("--passphrase-file", options->passphrase_file,
                           "File that holds the passphrase")
                ->type_name("FILE")
                ->excludes(key_file);
            app.add_option("--label", options->label, "What to remember it by")->type_name("LABEL");
            app.add_flag("--add-only", options->add_only,
                         "For a host that makes backups and must not read them");
            return [options](Session& session) { return AddKey(session, *options); };
          }};
}

Command KeyListCommand() {
  return {.path = "key list",
          .purpose = "List the keys that open the repository",
          .example = "holdfast key list",
          .declare = [](CLI::App&) -> Action { return ListKeys; }};
}

Command KeyRemoveCommand() {
  return {.path = "key remove",
          .purpose = "Remove a key; never the last one, nor the one in use",
          .example = "holdfast key remove 3f9a0c51d2e87b64",
          .declare = [](CLI::App& app) -> Action {
            const auto id = std::make_shared<std::string>();
            app.add_option("KEY", *id, "The key's id, as `key list` shows it")->required();
            return [id](Session& session) { return RemoveKey(session, *id); };
          }};
}

}  // namespace holdfast::cli
