// How --help shows options and commands.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace holdfast::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();

  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
};

}  // namespace holdfast::cli
