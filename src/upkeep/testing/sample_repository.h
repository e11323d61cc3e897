// A small repository with everything in it that can be damaged.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "pg/lsn.h"
#include "repo/testing/model_backup.h"

namespace holdfast::upkeep {

inline constexpr pg::SystemIdentifier kSampleSystem{7301234567890123456};

// Two backups of "shop", the second incremental, with maps and extent lists in frames of their own;
// one of "lab"; WAL of "shop" with a history file, a tail and records.
struct Sample {
  std::unique_ptr<repo::TestRepository> repository;
  std::vector<repo::Snapshot> backups;

  Sample Clone() const;
};
Sample MakeSample();

// A whole segment of 1 MiB that is all zeros after its first page's header.
base::Bytes SampleSegment(std::uint32_t number);

// Replaces an object.
void Overwrite(repo::TestRepository& repository, std::string_view object, base::ByteView contents);

std::vector<std::string> ObjectsUnder(repo::TestRepository& repository, std::string_view prefix);

}  // namespace holdfast::upkeep
