// When a pin is to be over, as it is given on the command line.
#pragma once

#include <string_view>

#include "base/clock.h"

namespace holdfast::cli {

// `text` is a time ("2027-01-31", in `zone`) or how long from `now` ("30d"). Error(kUsage) when it
// is neither, or not in the future.
base::Time PinEnd(std::string_view text, base::Time now, std::string_view zone);

}  // namespace holdfast::cli
