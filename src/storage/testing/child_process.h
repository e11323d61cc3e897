// Tests that change what belongs to a whole process: its user, its mounts, its life.
#pragma once

#include <cstdint>
#include <functional>

#include "base/file.h"

namespace holdfast::storage {

// Runs `body` in a forked child and expects it to have no failed expectation and to throw nothing.
void ExpectInChild(const std::function<void()>& body);

// From here on only for a child.
// Gives up root for a user who owns nothing.
void BecomeNobody();
// Mounts that nobody else sees and that end with the process. As a user without rights too.
void UnshareMounts();
void MountMemoryDisk(const base::Path& where, std::uint64_t size);
void Unmount(const base::Path& where);

}  // namespace holdfast::storage
