// Can the content of a file be had, as far as is known, and does what it refers to exist?
#pragma once

#include "repo/frame_reader.h"
#include "repo/ids.h"
#include "repo/keyring.h"
#include "repo/tree.h"
#include "upkeep/damage_log.h"
#include "upkeep/known_sound.h"

namespace holdfast::upkeep {

struct FileCheckDepth {
  // Every frame that is referred to exists, is of the right kind and long enough.
  bool references = false;
  // The content of files that have no pages is the one that was digested.
  bool digests = false;
};

// Where files are checked, and where what is found goes. All outlive the check; one for many
// threads.
struct FileCheckContext {
  const repo::Keyring& keyring;
  repo::FrameReader& frames;
  DamageLog& log;
  KnownSound& sound;
  FileCheckDepth depth;
};

// The packs whose damage takes the file with it, wholly or in part; of each the hit is logged.
std::vector<repo::PackId> CheckFile(const FileCheckContext& context, const repo::BackupId& backup,
                                    const repo::TreeEntry& entry);

// Logs what an error of reading a frame says about its pack.
void BlameFrame(const FileCheckContext& context, const repo::FrameRef& frame,
                const base::Error& error);

}  // namespace holdfast::upkeep
