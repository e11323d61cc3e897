// A storage that fails as told, over one that does not.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/synchronized.h"
#include "storage/storage.h"

namespace holdfast::storage {

enum class Verb { kPut, kGet, kGetRange, kStat, kList, kRemove, kStoreTime };

// The process died in the middle of a request. Not a base::Error, nor a std::exception: nothing
// that handles errors may handle it.
struct SimulatedCrash {};

enum class FaultKind {
  kFailNotApplied,   // Error(kUnavailable), nothing was done
  kFailApplied,      // done, then Error(kUnavailable): the answer was lost
  kCrashNotApplied,  // this and every later call throws SimulatedCrash
  kCrashApplied,     // the same, but the request was carried out
  kLoseAfterCrash,   // Put: acknowledged, but gone after Recover(): a store that lies about fsync
  kTruncate,  // Put stores, Get and GetRange return, only the first Fault::byte bytes; List throws
              // kUnavailable after Fault::byte objects
  kFlipBit,   // Put stores, Get and GetRange return, the lowest bit of byte Fault::byte flipped
  kWrongObject,   // Get and GetRange return the contents, Stat the size, of the object Fault::other
  kStaleListing,  // List gives what RememberListing() saw
};

struct Fault {
  FaultKind kind = FaultKind::kFailNotApplied;
  // Which requests count: of this verb (any when empty) for names or prefixes that start with this.
  std::optional<Verb> verb = {};
  std::string prefix = {};
  // Strikes the request number `call` of those, counted from 0 and from Inject(), and the `times` -
  // 1 after it.
  std::uint64_t call = 0;
  std::uint64_t times = 1;
  std::uint64_t byte = 0;
  std::string other = {};
};

// Thread-safe. The storage below survives a crash: a test goes on with Recover(), or with a new
// decorator over it.
class FaultyStorage final : public Storage {
 public:
  explicit FaultyStorage(std::shared_ptr<Storage> below) : below_(std::move(below)) {}

  // At most one fault strikes a request: the one injected first.
  void Inject(Fault fault);
  void ClearFaults();
  // The requests so far, of all verbs: a crash sweep runs once without faults to learn how many
  // there are.
  std::uint64_t call_count() const;
  bool crashed() const;
  // After a crash, what kLoseAfterCrash marked is gone, all faults are over and requests work
  // again.
  void Recover();

  void RememberListing();
  // The store's clock runs ahead of the one below by this.
  void SetClockSkew(base::Duration skew);
  // Damage at rest. The object must exist; its time becomes now.
  void FlipBitAtRest(std::string_view name, std::uint64_t byte);
  void TruncateAtRest(std::string_view name, std::uint64_t size);

  [[nodiscard]] PutOutcome Put(std::string_view name, base::ByteView contents) override;
  std::optional<base::Bytes> Get(std::string_view name) override;
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override;
  std::optional<ObjectInfo> Stat(std::string_view name) override;
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const ObjectInfo&)>& visit) override;
  RemoveOutcome Remove(std::string_view name) override;
  std::uint64_t RemoveLeftovers() override { return below_->RemoveLeftovers(); }
  base::Time StoreTime() override;
  StorageTraits traits() const override { return below_->traits(); }

 private:
  struct Injected {
    Fault fault;
    std::uint64_t seen = 0;  // requests that counted
  };
  struct State {
    std::vector<Injected> faults;
    std::uint64_t calls = 0;
    bool crashed = false;
    std::vector<std::string> lost_after_crash;
    std::vector<ObjectInfo> remembered;
    base::Duration skew{};
  };

  std::optional<Fault> Strike(Verb verb, std::string_view name);
  template <typename Request>
  auto Run(Verb verb, std::string_view name, Request&& request);
  void Replace(std::string_view name, base::ByteView contents);
  ObjectInfo Skewed(ObjectInfo object) const;

  std::shared_ptr<Storage> below_;
  base::Synchronized<State> state_;
};

}  // namespace holdfast::storage
