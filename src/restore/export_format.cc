#include "restore/export_format.h"

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast::restore {

namespace {

using Named = std::pair<ExportFormat, std::string_view>;
constexpr std::array<Named, 5> kNames = {{{ExportFormat::kDirectory, "directory"},
                                          {ExportFormat::kTar, "tar"},
                                          {ExportFormat::kTarGz, "tar.gz"},
                                          {ExportFormat::kTarZst, "tar.zst"},
                                          {ExportFormat::k7z, "7z"}}};

// Longer ones first.
constexpr std::array<std::string_view, 20> kOtherEndings = {
    ".tar.bz2", ".tar.lz4", ".tar.xz", ".tar.lz", ".tar.Z", ".tbz2", ".tzst",
    ".cpio",    ".bz2",     ".lz4",    ".rar",    ".tbz",   ".txz",  ".zip",
    ".zst",     ".gz",      ".lz",     ".xz",     ".ar",    ".Z"};

}  // namespace

std::string_view ExportFormatName(ExportFormat format) {
  return std::ranges::find(kNames, format, &Named::first)->second;
}

std::optional<ExportFormat> ParseExportFormat(std::string_view name) {
  const auto* found = std::ranges::find(kNames, name, &Named::second);
  if (found == kNames.end()) return std::nullopt;
  return found->first;
}

std::vector<std::string> ExportFormatNames() {
  std::vector<std::string> names;
  names.reserve(kNames.size());
  for (const auto& [format, name] : kNames) names.emplace_back(name);
  return names;
}

ExportFormat ExportFormatOf(std::string_view file_name) {
  if (file_name.ends_with(".tgz")) return ExportFormat::kTarGz;
  for (const auto& [format, name] : kNames) {
    const bool ends = file_name.size() > name.size() + 1 && file_name.ends_with(name) &&
                      file_name[file_name.size() - name.size() - 1] == '.';
    if (ends && format != ExportFormat::kDirectory) return format;
  }
  return ExportFormat::kDirectory;
}

std::string_view OtherArchiveEnding(std::string_view file_name) {
  if (ExportFormatOf(file_name) != ExportFormat::kDirectory) return {};
  const auto* found = std::ranges::find_if(
      kOtherEndings, [&](std::string_view ending) { return file_name.ends_with(ending); });
  return found == kOtherEndings.end() ? std::string_view() : *found;
}

}  // namespace holdfast::restore
