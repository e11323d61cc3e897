// What an option takes: how --help shows it, and one sentence for what it does not take.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class Option;
}

namespace holdfast::cli {

// A whole number; `name` stands for it in --help.
CLI::Option* TakesNumber(CLI::Option* option, std::uint64_t least, std::uint64_t most,
                         const std::string& name = "N");

// One of these words.
CLI::Option* TakesWord(CLI::Option* option, const std::vector<std::string>& words);

// One of these words; the option becomes the number beside it.
CLI::Option* TakesNumbered(CLI::Option* option,
                           const std::vector<std::pair<std::string, int>>& words);

// One of these words, for an option that holds an enumeration.
template <typename Enum>
CLI::Option* TakesChoice(CLI::Option* option,
                         const std::vector<std::pair<std::string, Enum>>& choices) {
  std::vector<std::pair<std::string, int>> words;
  words.reserve(choices.size());
  for (const auto& choice : choices)
    words.emplace_back(choice.first, static_cast<int>(choice.second));
  return TakesNumbered(option, words);
}

}  // namespace holdfast::cli
