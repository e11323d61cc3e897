// What a WAL receiver tells about itself on its own host: a small file in the state directory.
#pragma once

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/file.h"
#include "wal/stream.h"

namespace holdfast::cli {

nlohmann::json ToJson(const wal::StreamState& state);

// Written by the receiver. Holds a lock as long as it lives, by which readers see that it runs.
class ReceiverFile {
 public:
  // Error(kConflict) when another receiver of the source runs on this host.
  ReceiverFile(base::Path path, base::Clock& clock);

  // Replaces the file. One thread.
  void Write(const wal::StreamState& state);

 private:
  base::Path path_;
  base::Clock& clock_;
  base::File lock_;
};

// The file's content with "running" added; null when there never was a receiver here. A file that
// cannot be understood is Error(kCorrupt).
nlohmann::json ReadReceiverFile(const base::Path& path);

}  // namespace holdfast::cli
