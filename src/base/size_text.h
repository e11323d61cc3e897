// Sizes as people write them: binary units.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::base {

// "0 B", "512 B", "1.5 KiB", "2.50 GiB".
std::string FormatBytes(std::uint64_t bytes);
// "1MiB", "16 kB", "1G", "4096". K, KB and KiB are all 1024. Throws Error(kUsage).
std::uint64_t ParseBytes(std::string_view text);

}  // namespace holdfast::base
