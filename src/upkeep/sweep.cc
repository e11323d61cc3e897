#include "upkeep/sweep.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "base/error.h"
#include "base/workers.h"
#include "repo/stored_check.h"
#include "wal/archive_check.h"

namespace holdfast::upkeep {

namespace {

std::optional<std::string> ProblemOf(std::string_view name, base::ByteView contents) {
  try {
    return wal::IsInWalArchive(name) ? wal::CheckWalBytes(name, contents)
                                     : repo::ProblemOf(name, contents);
  } catch (const base::Error& error) {
    // Of a format that is newer than this program: it cannot be said to be sound.
    if (error.kind() != base::ErrorKind::kUsage) throw;
    // Of a backup's record whoever reads the backups tells that: it must not be taken for damage.
    if (name.starts_with(repo::kSnapshotsPrefix)) return std::nullopt;
    return error.message();
  }
}

class Sweeper {
 public:
  Sweeper(storage::Storage& storage, const SweepOptions& options, const SweepVisitor& visitor,
          base::Reporter& report, DamageLog& log)
      : storage_(storage), options_(options), visitor_(visitor), report_(report), log_(log) {}

  void Work(const std::stop_token& stop) {
    for (std::size_t next = next_++; next < options_.count; next = next_++) {
      base::ThrowIfStopped(stop);
      const storage::ObjectInfo object = options_.object(next);
      Look(object.name);
      report_.Advance(object.size);
    }
  }

  SweptTotals totals() const { return {.objects = objects_, .bytes = bytes_}; }

 private:
  void Look(const std::string& name) {
    std::optional<base::Bytes> contents = storage_.Get(name);
    if (!contents) return;
    std::optional<std::string> problem = ProblemOf(name, *contents);
    if (problem) {
      contents = storage_.Get(name);
      if (!contents) return;
      problem = ProblemOf(name, *contents);
      if (!problem) log_.AddOddity(name, "it was read wrongly at first, and rightly at second");
    }
    ++objects_;
    bytes_ += contents->size();
    if (problem) {
      visitor_.altered(name, *contents, *problem);
    } else {
      visitor_.sound(name, *contents);
    }
  }

  storage::Storage& storage_;
  const SweepOptions& options_;
  const SweepVisitor& visitor_;
  base::Reporter& report_;
  DamageLog& log_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::uint64_t> objects_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
};

}  // namespace

SweptTotals Sweep(storage::Storage& storage, const SweepOptions& options,
                  const SweepVisitor& visitor, base::Reporter& report, DamageLog& log,
                  const std::stop_token& stop) {
  Sweeper sweeper(storage, options, visitor, report, log);
  base::Workers workers(stop);
  for (int i = 0; i < std::max(options.jobs, 1); ++i) {
    workers.Start([&](const std::stop_token& token) { sweeper.Work(token); });
  }
  workers.Join();
  base::ThrowIfStopped(stop);
  return sweeper.totals();
}

}  // namespace holdfast::upkeep
