// Is a backup of one repository the same as one of another?
#pragma once

#include "repo/snapshot.h"

namespace holdfast::repo {

// By all that a backup says about itself. Where it lies, and after which one, differs.
bool SayTheSame(const SnapshotDraft& a, const SnapshotDraft& b);

}  // namespace holdfast::repo
