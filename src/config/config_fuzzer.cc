// Reads arbitrary bytes as holdfast.toml, and types what was understood.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/schema.h"
#include "config/toml_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Settings settings;
  std::vector<Problem> problems;
  ReadToml(text, "/etc/holdfast/holdfast.toml", settings, problems);
  const Config config = Bind(settings, problems);
  for (const auto& [key, setting] : config.settings.values) {
    // Whatever got in is known, and can be shown.
    const KeySpec* spec = FindKey(key);
    if (spec == nullptr) __builtin_trap();
    static_cast<void>(Shown(*spec, setting));
  }
  if (!problems.empty()) static_cast<void>(ToError(problems));
  return 0;
}
