// A configuration that holds wherever the directory is put: what named places of the source is
// taken out of it.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "restore/config_places.h"

namespace holdfast::restore {

// A server started on the copy would run on, or read, what these name. Left out, each means the
// usual file in the data directory.
inline constexpr std::array<std::string_view, 3> kPlaces = {"data_directory", "hba_file",
                                                            "ident_file"};

// `text` with every statement about such a place made a comment; the same text when it has none.
std::string WithoutPlaces(std::string_view text);

// Which of the files, by path, are to be changed, and what the copy should be told.
ConfigPlaces PortablePlaces(const ConfigOfBackup& config,
                            const std::map<std::string, std::string>& texts);

}  // namespace holdfast::restore
