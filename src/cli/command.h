// What a command is: its words, what its --help says, its options, and what it does.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/exit_code.h"

namespace CLI {
class App;
}

namespace holdfast::cli {

class Session;

// Runs once the command line is understood; returns the exit code.
using Action = std::function<int(Session&)>;

struct Command {
  std::string_view path;     // "backup", "wal push"
  std::string_view purpose;  // one sentence
  std::string_view example;  // one command line, or several with line ends
  // Adds the command's own options and arguments.
  std::function<Action(CLI::App&)> declare;
  std::string_view exit_codes = ExitCodesHelp();
  bool hidden = false;
};

constexpr int ToInt(ExitCode code) { return static_cast<int>(code); }

}  // namespace holdfast::cli
