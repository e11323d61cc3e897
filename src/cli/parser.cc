#include "cli/parser.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/commands.h"
#include "cli/help_formatter.h"
#include "config/schema.h"

namespace holdfast::cli {
namespace {

constexpr std::string_view kGlobalHint =
    "Global options (--config, --repository, --limit-upload, --limit-download, --json, --quiet,\n"
    "--verbose, --no-progress) may stand before or after the command; `holdfast --help` describes\n"
    "them.";

void AddGlobalOptions(CLI::App& app, GlobalOptions& options) {
  app.add_option("--config", options.config,
                 "Configuration file (default: $HOLDFAST_CONFIG, ./holdfast.toml, "
                 "/etc/holdfast/holdfast.toml)")
      ->type_name("FILE");
  app.add_option("--repository", options.repository,
                 "Repository to use (default: the source's, else the first one configured)")
      ->type_name("NAME");
  app.add_option("--limit-upload", options.limit_upload,
                 "Bytes a second to send to the repository at most, like 20MiB (default: as "
                 "configured)")
      ->type_name("SIZE");
  app.add_option("--limit-download", options.limit_download,
                 "Bytes a second to take from the repository at most")
      ->type_name("SIZE");
  app.add_flag("--json", options.json, "Print data as JSON");
  app.add_flag("--quiet,-q", options.quiet, "Say nothing but warnings and errors");
  app.add_flag("--verbose,-v", options.verbose, "Also say what was asked of buckets");
  app.add_flag("--no-progress", options.no_progress, "Show no progress");
  app.set_version_flag("--version", fmt::format("holdfast {}", Version()), "Print the version");
}

CLI::App& Child(CLI::App& parent, const std::string& name, const std::string& purpose) {
  for (CLI::App* existing : parent.get_subcommands({})) {
    if (existing->get_name() == name) return *existing;
  }
  CLI::App* child = parent.add_subcommand(name, purpose);
  child->fallthrough();
  child->set_help_flag("--help,-h", "Print this help");
  child->group("Commands");
  return *child;
}

std::string Footer(const Command& command) {
  return fmt::format("Example:\n  {}\n\n{}\n\n{}", command.example, command.exit_codes,
                     kGlobalHint);
}

// The words of `command.path` become nested subcommands of `app`.
void AddCommand(CLI::App& app, const Command& command, Action& chosen) {
  const std::string path(command.path);
  CLI::App* parent = &app;
  std::string name = path;
  if (const std::size_t space = path.find(' '); space != std::string::npos) {
    const std::string group = path.substr(0, space);
    parent = &Child(app, group, std::string(GroupPurpose(group)));
    parent->require_subcommand(1);
    parent->footer(fmt::format("{}\n\n{}", ExitCodesHelp(), kGlobalHint));
    name = path.substr(space + 1);
  }
  CLI::App& child = Child(*parent, name, std::string(command.purpose));
  child.footer(Footer(command));
  if (command.hidden) child.group("");
  child.callback([&chosen, action = command.declare(child)] { chosen = action; });
}

// The subcommand that parsing got to.
const CLI::App& Deepest(const CLI::App& app) {
  const CLI::App* deepest = &app;
  for (auto parsed = deepest->get_subcommands(); !parsed.empty();
       parsed = deepest->get_subcommands())
    deepest = parsed.front();
  return *deepest;
}

std::string Words(const CLI::App& app) {
  std::string words = app.get_name();
  for (const CLI::App* parent = app.get_parent(); parent != nullptr; parent = parent->get_parent())
    words.insert(0, parent->get_name() + " ");
  return words;
}

std::vector<std::string> OptionNames(const CLI::App& deepest) {
  std::vector<std::string> names;
  for (const CLI::App* app = &deepest; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* child : app.get_subcommands({})) {
    if (!child->get_group().empty()) names.push_back(child->get_name());
  }
  return names;
}

base::Error UnknownWord(const CLI::App& deepest, const std::string& word) {
  const bool option = word.starts_with("-");
  const std::vector<std::string> commands = CommandNames(deepest);
  const std::string name = word.substr(0, word.find('='));
  const auto near = config::Nearest(name, option ? OptionNames(deepest) : commands);
  base::Error error(base::ErrorKind::kUsage, option ? fmt::format("unknown option {}", name)
                                             : commands.empty()
                                                 ? fmt::format("unexpected argument \"{}\"", word)
                                                 : fmt::format("unknown command \"{}\"", word));
  if (near) error.AddHint(fmt::format("did you mean {}?", *near));
  error.AddHint(fmt::format("see `{} --help`", Words(deepest)));
  return error;
}

const CLI::Option* Find(const CLI::App& deepest, const std::string& name) {
  for (const CLI::App* app = &deepest; app != nullptr; app = app->get_parent()) {
    if (const CLI::Option* option = app->get_option_no_throw(name)) return option;
  }
  return nullptr;
}

// CLI11's text about one option, which begins with its name, in our words.
std::string Sentence(const CLI::App& deepest, const CLI::ParseError& error) {
  std::string text = error.what();
  const std::string kind = error.get_name();
  const std::string name = text.substr(0, text.find_first_of(": "));
  const std::string last = text.substr(text.rfind(' ') + 1);
  if (kind == "RequiresError") return fmt::format("{} goes with {} alone", name, last);
  if (kind == "ExcludesError") return fmt::format("{} and {} do not go together", name, last);
  if (kind == "ConversionError") {
    constexpr std::string_view kBefore = "Could not convert: ";
    if (!text.starts_with(kBefore)) return text;
    const std::string flag = text.substr(kBefore.size(), text.find(" = ") - kBefore.size());
    return fmt::format("{} takes no value", flag);
  }
  if (kind != "ArgumentMismatch") return text;
  if (text.find("At Most") != std::string::npos) return fmt::format("{} is given twice", name);
  const CLI::Option* option = Find(deepest, name);
  if (option == nullptr || option->get_type_name().empty())
    return fmt::format("{} needs a value", name);
  return fmt::format("{0} needs a value: {0} {1}", name, option->get_type_name());
}

// A word before the command was meant to be the command: `holdfast cnofig show` has not got to
// `show`.
const CLI::App& PlaceOf(const std::string& word, const CLI::App& app,
                        const std::vector<std::string>& arguments) {
  const CLI::App& deepest = Deepest(app);
  if (&deepest == &app || word.starts_with("-")) return deepest;
  const auto command =
      std::find(arguments.begin(), arguments.end(), app.get_subcommands().front()->get_name());
  return std::find(arguments.begin(), command, word) == command ? deepest : app;
}

base::Error UsageError(const CLI::App& app, const CLI::ParseError& error,
                       const std::vector<std::string>& arguments) {
  const CLI::App& deepest = Deepest(app);
  // What was not understood comes first: that something else is missing usually follows from it.
  const std::vector<std::string> unknown = app.remaining(true);
  if (!unknown.empty())
    return UnknownWord(PlaceOf(unknown.front(), app, arguments), unknown.front());
  if (error.get_name() == "RequiredError" && !CommandNames(deepest).empty()) {
    return base::Error(base::ErrorKind::kUsage, fmt::format("`{}` needs a command", Words(deepest)),
                       {fmt::format("see `{} --help`", Words(deepest))});
  }
  return base::Error(base::ErrorKind::kUsage, Sentence(deepest, error),
                     {fmt::format("see `{} --help`", Words(deepest))});
}

// A variable of the shell that is not set is no reason to fall back to a default, least of all to
// the current directory.
void RefuseEmptyValues(const CLI::App& deepest) {
  for (const CLI::App* app = &deepest; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      const std::vector<std::string>& values = option->results();
      if (std::find(values.begin(), values.end(), "") == values.end()) continue;
      throw base::Error(base::ErrorKind::kUsage, fmt::format("{} is empty", option->get_name()),
                        {"give it a value, or leave it out; is a variable of the shell not set?"});
    }
  }
}

}  // namespace

std::string_view Version() { return HOLDFAST_VERSION; }

Parsed ParseArguments(const std::vector<Command>& commands,
                      const std::vector<std::string>& arguments) {
  CLI::App app("Keeps databases and volumes recoverable to any second, and proves it", "holdfast");
  Parsed parsed;
  app.option_defaults()->always_capture_default();
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("--help,-h", "Print this help");
  app.fallthrough();
  app.require_subcommand(1);
  AddGlobalOptions(app, parsed.options);
  app.footer(fmt::format("Example:\n  holdfast backup shop\n\n{}", ExitCodesHelp()));
  for (const Command& command : commands) AddCommand(app, command, parsed.action);

  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
    RefuseEmptyValues(Deepest(app));
  } catch (const CLI::CallForHelp&) {
    if (const auto unknown = app.remaining(true); !unknown.empty())
      throw UnknownWord(PlaceOf(unknown.front(), app, arguments), unknown.front());
    parsed.text = app.help();
  } catch (const CLI::CallForVersion& version) {
    parsed.text = fmt::format("{}\n", version.what());
  } catch (const CLI::ParseError& error) {
    throw UsageError(app, error, arguments);
  }
  return parsed;
}

}  // namespace holdfast::cli
