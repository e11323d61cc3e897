// What a store really does, found by trying.
#pragma once

#include <string_view>
#include <vector>

#include "storage/s3_storage.h"
#include "storage/store_finding.h"

namespace holdfast::storage {

// Puts some tiny objects of names that no object of a repository has (".probe-..."), lists, reads
// and removes them; and reads the bucket's rules. The storage knows afterwards what the store does
// with a put of an existing name. Throws what keeps it from putting at all.
std::vector<StoreFinding> ProbeS3(S3Storage& storage);

// Objects of probes begin with this, after the location's prefix.
inline constexpr std::string_view kProbePrefix = ".probe-";

}  // namespace holdfast::storage
