// The outside world of a repository: named, immutable objects in a flat name space.
//
// A directory, an S3 bucket and memory implement it; retrying, metering and fault-injecting
// decorators wrap it. All are held to one contract suite (storage/testing/storage_contract.h).
// Implementations are safe to call from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace holdfast::storage {

inline constexpr std::size_t kMaxNameBytes = 900;
inline constexpr std::size_t kMaxSegmentBytes = 255;  // NAME_MAX of the usual file systems

// A segment: [A-Za-z0-9._-], not starting with '.', at most kMaxSegmentBytes. Names that start with
// '.' belong to the store and its file system (unfinished puts, ".nfs...", ".snapshot").
bool IsSegment(std::string_view text);

// Object names: segments joined by '/', at most kMaxNameBytes. No object is the folder of another
// ("a" and "a/b"): where a store cannot hold both, Put throws Error(kConflict).
bool IsName(std::string_view text);
// Throws Error(kInternal) when it is not a name.
void CheckName(std::string_view name);

enum class PutOutcome {
  kStored,  // this call created the object
  // An object of that name existed; it is untouched, its content was not compared, and it is as
  // durable as a stored one.
  kAlreadyThere,
};

enum class RemoveOutcome { kRemoved, kWasAbsent };

struct ObjectInfo {
  std::string name;
  std::uint64_t size = 0;
  // The store's own clock. Never used to order objects; only to measure ages against StoreTime().
  base::Time modified;
};

// What a store really honours, found by probing, not by believing.
struct StorageTraits {
  // Put of an existing name is refused atomically by the store itself.
  bool atomic_put_if_absent = false;
  std::string description;  // "directory /var/lib/holdfast"
};

class Storage {
 public:
  virtual ~Storage() = default;

  // Creates an object, durably and atomically: when it returns kStored, the object survives a crash
  // of the machine; before that no reader sees any part of it under this name. Never replaces an
  // existing object where traits().atomic_put_if_absent. After an Error(kUnavailable) it is unknown
  // whether the object was stored; calling again is safe.
  [[nodiscard]] virtual PutOutcome Put(std::string_view name, base::ByteView contents) = 0;

  // The whole object; empty when it certainly does not exist. An unreachable or lying store throws.
  virtual std::optional<base::Bytes> Get(std::string_view name) = 0;

  // `length` bytes from `offset`, clipped at the object's end; empty when it certainly does not
  // exist.
  virtual std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                              std::uint64_t length) = 0;

  // Size and time; empty when it certainly does not exist.
  virtual std::optional<ObjectInfo> Stat(std::string_view name) = 0;

  // Calls `visit` for every object whose name starts with `prefix` and, when given, is greater than
  // `after`, in byte-wise ascending order of names. Objects put or removed meanwhile may be missed
  // or seen. An incomplete listing is never passed off as complete: it throws. Leftovers of
  // unfinished puts are not listed.
  virtual void List(std::string_view prefix, std::string_view after,
                    const std::function<void(const ObjectInfo&)>& visit) = 0;

  // Durable when it returns.
  virtual RemoveOutcome Remove(std::string_view name) = 0;

  // Removes what crashed puts left behind and returns how many there were. Never touches what a put
  // that may still be running needs: leftovers younger than a day stay.
  virtual std::uint64_t RemoveLeftovers() { return 0; }

  // Now, on the clock that ObjectInfo::modified is measured on. May have to write to find out.
  virtual base::Time StoreTime() = 0;

  virtual StorageTraits traits() const = 0;
};

// All objects under `prefix`, in order. For prefixes known to be small.
std::vector<ObjectInfo> ListAll(Storage& storage, std::string_view prefix);

// Get, or Error(kNotFound) naming the object.
base::Bytes GetExisting(Storage& storage, std::string_view name);

}  // namespace holdfast::storage
