// Numbers of things, as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::base {

// "1 pack", "2 packs": Counted(2, "pack"). Where more than an s is different: Counted(2, "pack is
// missing", "packs are missing").
std::string Counted(std::uint64_t number, std::string_view one, std::string_view many = {});

}  // namespace holdfast::base
