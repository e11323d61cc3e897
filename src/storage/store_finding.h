// What was found out about a store, in words.
#pragma once

#include <string>

namespace holdfast::storage {

struct StoreFinding {
  enum class Grade {
    kGood,
    kWorthKnowing,  // otherwise than one would wish; nothing to be done
    kAttention,     // something should be done, or could not be found out
    kUnfit,         // a repository there would lose data, or not work
  };
  std::string name;  // "put if absent"
  Grade grade = Grade::kGood;
  std::string words{};
  std::string hint{};  // what to do; for kAttention and kUnfit
};

}  // namespace holdfast::storage
