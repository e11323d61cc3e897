// HOLDFAST_... variables, read into settings.
//
// A key's variable is HOLDFAST_ and the key in capitals, its parts and the signs '.' and '-' joined
// by '_':
//
//   HOLDFAST_TIMEZONE                        timezone
//   HOLDFAST_REPOSITORY_MAIN_URL             repository.main.url
//   HOLDFAST_REPOSITORY_URL                  the same: a name left out is "main"
//   HOLDFAST_SOURCE_SHOP_CONNECTION          source.shop.connection
//   HOLDFAST_SOURCE_SHOP_CONNECTION_FILE     the same, from a file (secrets only; trimmed)
//   HOLDFAST_SOURCE_SHOP_JOB_BASE_SCHEDULE   source.shop.job.base.schedule
//   HOLDFAST_NOTIFY_URLS                     notify.urls, separated by commas
//
// An empty variable is one that is not set: compose files pass those on.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "config/settings.h"

namespace holdfast::config {

using Environment = std::map<std::string, std::string>;

// Of this process.
Environment ProcessEnvironment();

// Lays the variables over `settings`, which the file was read into before: its names are preferred
// where a variable can be cut in several ways. Variables of HOLDFAST_REPOSITORY_, _SOURCE_ and
// _NOTIFY_ that stand for no key are problems; others are left alone (container engines set
// HOLDFAST_PORT and the like).
void ReadEnvironment(const Environment& environment, const base::Path& working_directory,
                     Settings& settings, std::vector<Problem>& problems);

// The content of a file that holds one secret, without the white space around it.
std::string ReadSecretFile(const base::Path& path);

}  // namespace holdfast::config
