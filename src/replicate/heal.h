// Makes damaged backups whole again from a repository that has them whole: of each what is lost or
// damaged is stored anew, and its record gives way to one that names what is whole.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "codec/hash.h"
#include "replicate/copy.h"
#include "repo/repository.h"

namespace holdfast::replicate {

struct HealRequest {
  std::string source;
  std::vector<repo::BackupId> backups;  // of the target; oldest first is cheapest
  // SHA-256 of their records when they were found damaged. One that is another by now is passed
  // over.
  std::map<repo::BackupId, codec::Digest> records{};
  // Packs that were found altered, whether they could be marked or not.
  std::set<repo::ShortPackId> altered{};
  CopyOptions options{};
};

struct HealResult {
  std::vector<repo::BackupId> healed;  // or that would be
  std::uint64_t packs = 0;             // of content, that were brought back
  std::uint64_t bytes_stored = 0;
  std::vector<CopyFailure> failures;  // damaged in `from` too, or another backup of that name
};

// What is marked, altered or missing is stored anew, all else is kept. A backup that `from` lacks
// is passed over. Nothing is removed before all that takes its place is stored and checked; a
// healed backup keeps its id, facts, pins and place among the others. What is unreachable throws.
// `result` tells what was done until then.
void HealBackups(const repo::Repository& from, const repo::Repository& damaged,
                 const HealRequest& request, HealResult& result, base::Reporter& report,
                 const std::stop_token& stop);

struct LogHeal {
  std::vector<std::string> healed;  // names of objects that were stored anew, or would be
  std::vector<CopyFailure> failures;
};
// Files of the WAL archive that were found damaged, by the names of their objects: each that `from`
// has whole takes its place. Tails are left alone: the next one replaces them.
LogHeal HealLog(const repo::Repository& from, const repo::Repository& damaged,
                const std::vector<std::string>& objects, bool dry_run, const std::stop_token& stop);

}  // namespace holdfast::replicate
