// holdfast.toml, read into settings.
#pragma once

#include <string_view>
#include <vector>

#include "base/file.h"
#include "config/settings.h"

namespace holdfast::config {

// Adds what `text` says to `settings`. `file` is named in origins and is where relative paths start
// from. Everything wrong is appended to `problems`; what is right is still taken. A byte order mark
// and CRLF line ends are fine.
void ReadToml(std::string_view text, const base::Path& file, Settings& settings,
              std::vector<Problem>& problems);

}  // namespace holdfast::config
