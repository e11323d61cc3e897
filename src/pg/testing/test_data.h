// Golden inputs taken from real clusters, in src/pg/testdata/.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/file.h"

namespace holdfast::pg {

inline base::Path TestDataPath(std::string_view name) {
  return base::Path(__FILE__).parent_path().parent_path() / "testdata" / name;
}

inline base::Bytes ReadTestData(std::string_view name) {
  return base::ReadFile(TestDataPath(name));
}

}  // namespace holdfast::pg
