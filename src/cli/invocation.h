// What the outside world hands to the program: everything a command may depend on, so that tests
// can hand it something else.
#pragma once

#include <iosfwd>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "config/environment.h"

namespace holdfast::cli {

struct Invocation {
  std::vector<std::string> arguments;  // without the program's name
  config::Environment environment;
  base::Path working_directory;
  base::Path program;  // absolute, to be started again
  std::ostream* out;   // data
  std::ostream* err;   // talk
  bool talk_on_terminal = false;
  bool data_on_terminal = false;
  bool superuser = false;
  base::Clock* clock;
  std::stop_token stop;
};

}  // namespace holdfast::cli
