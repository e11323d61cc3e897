#include "backup/control_reader.h"

#include <chrono>

#include "base/error.h"
#include "base/workers.h"
#include "pg/control_file.h"

namespace holdfast::backup {

namespace {

constexpr std::string_view kControlPath = "global/pg_control";
constexpr std::size_t kControlSize = 8192;  // PG_CONTROL_FILE_SIZE
constexpr int kReadings = 50;
constexpr std::chrono::milliseconds kPause{100};

base::Bytes ReadOnce(pg::FileReader& reader) {
  base::Bytes contents(kControlSize);
  const std::optional<std::size_t> count = reader.ReadAt(kControlPath, 0, contents);
  if (!count) {
    throw base::Error(base::ErrorKind::kCorrupt, "global/pg_control does not exist in the cluster",
                      {"is this the data directory of a PostgreSQL cluster?"});
  }
  contents.resize(*count);
  return contents;
}

}  // namespace

base::Bytes ReadControlFile(pg::ClusterReader& cluster, base::Clock& clock,
                            const std::stop_token& stop) {
  const std::unique_ptr<pg::FileReader> reader = cluster.NewReader();
  for (int reading = 1;; ++reading) {
    base::Bytes contents = ReadOnce(*reader);
    try {
      pg::ParseControlFile(contents);
      return contents;
    } catch (const base::Error& error) {
      // A torn version field looks like a foreign version.
      const bool may_be_torn =
          error.kind() == base::ErrorKind::kCorrupt || error.kind() == base::ErrorKind::kUsage;
      if (!may_be_torn || reading == kReadings) throw;
    }
    clock.Sleep(kPause, stop);
    base::ThrowIfStopped(stop);
  }
}

}  // namespace holdfast::backup
