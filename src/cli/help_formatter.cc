#include "cli/help_formatter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <vector>

namespace holdfast::cli {
namespace {

constexpr std::size_t kColumn = 30;
constexpr std::size_t kWidth = 100;

// Line ends where the column of descriptions is full; CLI11 indents what follows.
std::string Wrapped(const std::string& text) {
  std::istringstream words(text);
  std::string wrapped;
  std::size_t used = 0;
  for (std::string word; words >> word;) {
    const bool fits = used + 1 + word.size() <= kWidth - kColumn;
    if (used > 0) wrapped += fits ? ' ' : '\n';
    used = (used > 0 && fits ? used + 1 : 0) + word.size();
    wrapped += word;
  }
  return wrapped;
}

std::string Names(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  names.reserve(options.size());
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::sort(names.begin(), names.end());
  return fmt::format("{}", fmt::join(names, ", "));
}

// What nobody gave is no default to speak of.
bool HasDefault(const CLI::Option& option) {
  const std::string& text = option.get_default_str();
  return option.get_type_size() != 0 && !text.empty() && text != "[]" && text != "0" &&
         option.get_description().find("default") == std::string::npos;
}

}  // namespace

HelpFormatter::HelpFormatter() {
  column_width(kColumn);
  label("SUBCOMMAND", "COMMAND");
  label("Positionals", "Arguments");
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  std::string text;
  if (option->get_type_size() != 0 && option->nonpositional()) text = " " + option->get_type_name();
  if (option->get_expected_max() == CLI::detail::expected_max_vector_size) text += " ...";
  return text;
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  std::string text = option->get_description();
  if (HasDefault(*option)) text += fmt::format(" (default: {})", option->get_default_str());
  if (option->get_required() && option->nonpositional()) text += " (required)";
  if (!option->get_needs().empty()) text += fmt::format(" (with {})", Names(option->get_needs()));
  if (!option->get_excludes().empty())
    text += fmt::format(" (not with {})", Names(option->get_excludes()));
  return Wrapped(text);
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  std::ostringstream out;
  CLI::detail::format_help(out, command->get_name(), Wrapped(command->get_description()), kColumn);
  return out.str();
}

}  // namespace holdfast::cli
