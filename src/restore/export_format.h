// The forms an export can have, and which one is meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::restore {

enum class ExportFormat { kDirectory, kTar, kTarGz, kTarZst, k7z };

// "directory", "tar", "tar.gz", "tar.zst", "7z".
std::string_view ExportFormatName(ExportFormat format);
std::optional<ExportFormat> ParseExportFormat(std::string_view name);
std::vector<std::string> ExportFormatNames();

// By how the name ends, ".tgz" too; a directory when it ends in none of these.
ExportFormat ExportFormatOf(std::string_view file_name);

// How the name ends when that is the ending of an archive that is not made here, ".zip" for
// example; otherwise empty. Whoever asks for one does not mean a directory.
std::string_view OtherArchiveEnding(std::string_view file_name);

}  // namespace holdfast::restore
