// What a bucket does with objects by itself, judged for a repository.
#pragma once

#include <vector>

#include "storage/s3_lifecycle.h"
#include "storage/s3_storage.h"
#include "storage/store_finding.h"

namespace holdfast::storage {

// Reads the lifecycle rules and whether versions are kept. A rule that deletes objects of the
// repository by their age is kUnfit: backups share packs, and a new one needs those of the old.
std::vector<StoreFinding> BucketRuleFindings(S3Storage& storage);

// The pure part. `prefix` is the repository's.
StoreFinding JudgeLifecycle(const std::vector<LifecycleRule>& rules, std::string_view prefix);

}  // namespace holdfast::storage
