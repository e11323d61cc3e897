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
  std::string object;
  std::string problem;
  struct Hit {
    std::string backup;
    std::string path;                  // empty: the whole backup
    std::vector<std::uint32_t> pages;  // of the file; empty: the whole file. At most 1000 listed
    std::uint64_t page_count = 0;
  };
  std::vector<Hit> hits;
};

struct VerifyResult {
  std::uint64_t backups = 0;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::vector<Damage> damages;
};

struct VerifyOptions {
  VerifyLevel level = VerifyLevel::kData;
  std::string source;  // empty: all
  int jobs = 2;
};

// Damage is reported, not thrown. Errors are thrown when something cannot be looked at at all.
VerifyResult Verify(const repo::Repository& repository, const VerifyOptions& options,
                    base::Reporter& report, const std::stop_token& stop);
// Level kPacks without any key; hits name backups only.
VerifyResult VerifyWithoutKey(storage::Storage& storage, const VerifyOptions& options,
                              base::Reporter& report, const std::stop_token& stop);

}  // namespace holdfast::upkeep
