#include "cli/option_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

namespace holdfast::cli {
namespace {

std::string NoneOf(const std::string& word, const std::vector<std::string>& words) {
  return fmt::format("\"{}\" is none of {}", word, fmt::join(words, ", "));
}

}  // namespace

CLI::Option* TakesNumber(CLI::Option* option, std::uint64_t least, std::uint64_t most,
                         const std::string& name) {
  const auto check = [=](const std::string& text) -> std::string {
    std::uint64_t number = 0;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    if (error == std::errc{} && end == last && number >= least && number <= most) return {};
    return fmt::format("\"{}\" is not a whole number from {} to {}", text, least, most);
  };
  return option->check(CLI::Validator(check, ""))->type_name(name);
}

CLI::Option* TakesWord(CLI::Option* option, const std::vector<std::string>& words) {
  const auto check = [words](const std::string& word) -> std::string {
    const bool known = std::find(words.begin(), words.end(), word) != words.end();
    return known ? std::string() : NoneOf(word, words);
  };
  return option->check(CLI::Validator(check, ""))
      ->type_name(fmt::format("{}", fmt::join(words, "|")));
}

CLI::Option* TakesNumbered(CLI::Option* option,
                           const std::vector<std::pair<std::string, int>>& words) {
  std::vector<std::string> names;
  names.reserve(words.size());
  for (const auto& word : words) names.push_back(word.first);
  const auto replace = [words, names](std::string& text) -> std::string {
    for (const auto& word : words) {
      if (word.first != text) continue;
      text = std::to_string(word.second);
      return {};
    }
    return NoneOf(text, names);
  };
  // No description: it would be shown behind the name.
  return option->transform(CLI::Validator(replace, ""))
      ->type_name(fmt::format("{}", fmt::join(names, "|")));
}

}  // namespace holdfast::cli
