// Leases: what a running reader or writer pins against deletion (docs/format/protocol.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "repo/ids.h"
#include "repo/protocol_times.h"
#include "repo/repository.h"
#include "repo/snapshot.h"

namespace holdfast::repo {

struct LeaseDraft {
  std::string kind;  // "backup", "restore", "verify"
  std::vector<BackupId> pins;
  std::optional<LogRange> log;                    // its start is what matters
  std::optional<BackupId> backup = std::nullopt;  // the one being made
};

// Thread-safe.
class Lease {
 public:
  // Puts the lease: from now on nothing that it pins is deleted.
  Lease(const Repository& repository, LeaseDraft draft);
  ~Lease();  // removes it, as well as it can
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // Renews the lease when it is due. A store that does not answer is no reason to give up the work:
  // it is tried again a minute later. Error(kConflict) once the storage holds another repository.
  void KeepAlive();

  // The object that holds the lease now.
  std::string object() const;
  base::Time started() const;  // on the store's clock

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct LeaseInfo {
  std::string object;
  std::string writer;
  std::string kind;
  std::string host;
  std::vector<BackupId> pins;
  std::optional<LogRange> log;
  std::optional<BackupId> backup;
  base::Time started;    // on the store's clock, as the holder read it
  base::Time heartbeat;  // on the store's clock, as the store says
};

// The newest lease of every holder, needs no key. Error(kCorrupt) for one that cannot be read: what
// it pins is unknown.
std::vector<LeaseInfo> ListLeases(storage::Storage& storage);
// Error(kCorrupt) naming the object.
LeaseInfo ParseLease(const storage::ObjectInfo& object, base::ByteView contents);
bool IsExpired(const LeaseInfo& lease, base::Time store_time);

}  // namespace holdfast::repo
