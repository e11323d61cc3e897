// The two repositories of a copy.
#pragma once

#include <functional>
#include <optional>

#include "repo/frame_reader.h"
#include "repo/repository.h"
#include "repo/snapshot.h"

namespace holdfast::replicate {

struct Sides {
  const repo::Repository& from;
  const repo::Repository& to;
  repo::FrameReader& from_frames;
  repo::FrameReader& to_frames;
  std::function<void()> keep_alive;  // called every now and then in long work
};

// A backup that is in both: what the next one shares with it is in the target already.
struct SharedBackup {
  repo::Snapshot from;
  repo::Snapshot to;
};

}  // namespace holdfast::replicate
