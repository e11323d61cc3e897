#include "restore/manifest.h"

#include <utility>

#include "pg/version.h"
#include "restore/tree_walk.h"

namespace holdfast::restore {

Manifest::Manifest(const RestorePlan& plan, pg::BackupManifestWriter::Output output)
    : plan_(plan),
      writer_(pg::MajorVersion::FromServerVersionNumber(
                  static_cast<std::uint32_t>(plan.facts.server_version)),
              plan.facts.system, std::move(output)) {}

void Manifest::Add(const WrittenFile& file) {
  // PostgreSQL's own tools leave it out of the comparison: it may change before the first start.
  if (file.path == kAutoConfPath) return;
  writer_.Add({.path = file.path,
               .size = file.size,
               .last_modified = file.modified,
               .crc32c = file.crc32c});
}

void Manifest::Finish() {
  const pg::ManifestWalRange range{.timeline = plan_.facts.timeline,
                                   .start = plan_.facts.start_lsn,
                                   .end = plan_.facts.stop_lsn};
  writer_.Finish({&range, 1});
}

}  // namespace holdfast::restore
