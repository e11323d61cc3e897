#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "app/signals.h"
#include "app/standard_files.h"
#include "base/clock.h"
#include "cli/exit_code.h"
#include "cli/run.h"

int main(int argc, char** argv) {
  using namespace holdfast;
  app::OpenStandardFiles();
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  const app::Signals signals({.exit_code = cli::FailureCode(arguments, cli::ExitCode::kInterrupted),
                              .at_once = cli::IsWalFetch(arguments)});
  base::SystemClock clock;
  std::error_code ignored;
  return cli::Run({.arguments = arguments,
                   .environment = config::ProcessEnvironment(),
                   .working_directory = std::filesystem::current_path(ignored),
                   .program = std::filesystem::read_symlink("/proc/self/exe", ignored),
                   .out = &std::cout,
                   .err = &std::cerr,
                   .talk_on_terminal = isatty(STDERR_FILENO) != 0,
                   .data_on_terminal = isatty(STDOUT_FILENO) != 0,
                   .superuser = geteuid() == 0,
                   .clock = &clock,
                   .stop = signals.stop_token()});
}
