// The command line, understood.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/session.h"

namespace holdfast::cli {

struct Parsed {
  GlobalOptions options;
  // One of the two is set: text that was asked for (--help, --version), or something to do.
  std::optional<std::string> text;
  Action action;
};

// Throws Error(kUsage) with the nearest known word as a hint.
Parsed ParseArguments(const std::vector<Command>& commands,
                      const std::vector<std::string>& arguments);

// "0.1.0".
std::string_view Version();

}  // namespace holdfast::cli
