#pragma once

#include <string>

namespace holdfast::base {

// What this machine calls itself, for people to read; "unknown" when it does not say.
std::string HostName();

}  // namespace holdfast::base
