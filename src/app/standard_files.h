// File descriptors 0, 1 and 2.
#pragma once

namespace holdfast::app {

// Opens those that the caller closed, so that no file of ours gets their numbers and is written
// to as if it were standard output. Writing to a standard output opened here fails.
void OpenStandardFiles();

}  // namespace holdfast::app
