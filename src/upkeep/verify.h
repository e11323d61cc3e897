// Verification of a repository, from a quick look at names to every byte.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "repo/repository.h"
#include "storage/storage.h"

namespace holdfast::upkeep {

enum class VerifyLevel {
  kList,      // every pack that a backup needs is there
  kMetadata,  // trees and maps open, and refer to frames that exist; every page is covered
  kPacks,     // every pack and blob is bit for bit what was written (SHA-256); needs no key
  kData,      // every frame opens; page hashes and content digests agree
};

// One damaged or missing object and what it takes with it.
struct Damage {
  // Of a missing pack that nothing readable refers to only half the id is known:
  // "packs/3f/3f...d0...".
  std::string object;
  std::string problem;
  struct Hit {
    std::string backup;
    std::string path = {};  // empty: the whole backup
    // Of the file, ascending, at most 1000 of them; empty: the whole file.
    std::vector<std::uint32_t> pages = {};
    std::uint64_t page_count = 0;
  };
  std::vector<Hit> hits;
};

// Something that is no damage, but should not be there or should not happen: an object that
// holdfast did not put, or one that was read wrongly at first and rightly at second.
struct Oddity {
  std::string object;
  std::string remark;
};

struct VerifyResult {
  std::uint64_t backups = 0;  // whose records could be read
  std::uint64_t objects = 0;  // that were read whole, and their bytes
  std::uint64_t bytes = 0;
  std::vector<Damage> damages;        // ascending by object
  std::vector<Oddity> oddities;       // ascending by object
  std::uint64_t marked = 0;           // packs on which no backup builds from now on
  std::vector<std::string> warnings;  // also of what this program is too old for
};

struct VerifyOptions {
  VerifyLevel level = VerifyLevel::kData;
  std::string source = {};  // empty: all
  int jobs = 2;
  // Mark packs that are altered, where every byte is read (kPacks, kData): the next backup then
  // stores again what they hold, as far as the source still has it. It is the only thing that a
  // verification writes; where that fails it is a warning.
  bool mark = false;
  // Where not every byte is read: read at least the packs that are marked and needed, so that what
  // an earlier verification found is told again, with what it takes with it.
  bool reread_marked = false;
};

// Damage is reported, not thrown. Errors are thrown when something cannot be looked at at all. What
// is removed while it is being verified (by a clean-up, or by whoever renews a lease) is no damage,
// unless a backup that is still there needs it.
//
// Every level names backups whose record is altered, packs that are missing, WAL that is missing
// without which a backup is not consistent, and files of the WAL archive of which there are several
// contents. Where objects are read whole (kPacks, kData), the
// config, the keys, leases and the lists under prune/ are looked at too.
//
// A backup whose record a newer program wrote, in a format that this one does not know, is no
// damage either: a warning names it. An altered format number cannot be told from that.
//
// Hits are found by walking the trees of the backups that need what is damaged. A tree that is
// damaged itself is a hit of the whole backup; what else is damaged is then looked for in the part
// of it that is left.
//
// Error(kUsage) for kData with a key that may only add: it opens no content.
VerifyResult Verify(const repo::Repository& repository, const VerifyOptions& options,
                    base::Reporter& report, const std::stop_token& stop);
// Levels kList and kPacks without any key; hits name backups only.
VerifyResult VerifyWithoutKey(storage::Storage& storage, const VerifyOptions& options,
                              base::Reporter& report, const std::stop_token& stop);

}  // namespace holdfast::upkeep
