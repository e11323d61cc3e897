#include <cstdlib>

#include "base/bytes.h"
#include "base/error.h"
#include "pg/backup_label.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string_view text = base::AsText({data, size});
  try {
    pg::ParseBackupLabel(text);
  } catch (const base::Error&) {
  }
  try {
    const auto version = pg::MajorVersion::FromNumber(15);
    const auto links = pg::ParseTablespaceMap(text, version);
    if (pg::ParseTablespaceMap(pg::FormatTablespaceMap(links, version), version) != links) {
      std::abort();
    }
  } catch (const base::Error&) {
  }
  return 0;
}
