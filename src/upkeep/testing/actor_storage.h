// A storage as one actor of a schedule has it: each call takes time in which others go on, may
// never return, or show what was.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/testing/faulty_storage.h"
#include "upkeep/testing/history_storage.h"
#include "upkeep/testing/ledger.h"
#include "upkeep/testing/lot.h"
#include "upkeep/testing/schedule.h"

namespace holdfast::upkeep {

// The store's clock: it may jump.
class StoreClock final : public base::Clock {
 public:
  explicit StoreClock(const base::Clock& truth) : truth_(truth) {}
  void Jump(base::Duration off) { off_ = off; }
  base::Time Now() const override { return truth_.Now() + off_; }
  std::chrono::steady_clock::time_point Steady() const override { return truth_.Steady(); }
  bool Sleep(base::Duration, const std::stop_token&) override { return true; }

 private:
  const base::Clock& truth_;
  base::Duration off_{};
};

// How an actor fares, call by call.
struct Temper {
  base::Duration latency = std::chrono::seconds(1);
  double naps = 0;     // the share of calls before which its machine stands still
  double crashes = 0;  // of calls in which it dies
  double losses = 0;   // of changes whose answer is lost
  double stale = 0;    // of looks that show what was
  double jumps = 0;    // of calls before which the store's clock jumps
  // Names that the actor does not see: what a mutation takes away.
  std::string blind_to = {};
  // Before a pack, all condemned lists that are due: another mutation.
  bool removes_lists_first = false;
};

// A machine standing still at one call of a run.
struct Nap {
  storage::Verb verb = storage::Verb::kPut;
  std::string prefix;
  std::size_t call = 0;  // of those
  bool after = false;    // the call, else before it
  base::Duration length{};
  // The calls that its process still makes then.
  std::optional<std::size_t> dies_after = {};
};

// All that a schedule's actors share.
struct World {
  World(const Lot& lot_in, Rules rules_in, const HistoryStorage& origin, base::Time start)
      : lot(lot_in),
        rules(rules_in),
        schedule(start),
        clock(schedule),
        store(origin, clock, schedule),
        ledger(rules_in, clock, schedule) {}
  Lot lot;
  Rules rules;
  Schedule schedule;
  StoreClock clock;
  HistoryStorage store;
  Ledger ledger;
  std::optional<std::vector<std::string>> trace;  // kept if there is one
  std::size_t violations_noted = 0;
  std::set<Schedule::Actor> light_sleepers;  // that stand still, and may be woken
};

class ActorStorage final : public storage::Storage {
 public:
  ActorStorage(World& world, std::string name, Schedule::Actor actor, Temper temper)
      : world_(world), name_(std::move(name)), actor_(actor), temper_(std::move(temper)) {}

  // A new process on the same machine.
  void Restart(std::optional<Nap> nap);
  // For all that stands still while others go on: not counted by the machine's steady clock.
  base::Duration slept() const { return slept_; }

  [[nodiscard]] storage::PutOutcome Put(std::string_view name, base::ByteView contents) override;
  std::optional<base::Bytes> Get(std::string_view name) override;
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override;
  std::optional<storage::ObjectInfo> Stat(std::string_view name) override;
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const storage::ObjectInfo&)>& visit) override;
  storage::RemoveOutcome Remove(std::string_view name) override;
  base::Time StoreTime() override;
  storage::StorageTraits traits() const override { return world_.store.traits(); }

  void Note(const std::string& what);
  // In the trace too, where something went wrong.
  void NoteViolations();

 private:
  void Begin(storage::Verb verb, std::string_view name);
  bool IsTimeForNap(storage::Verb verb, std::string_view name);
  void TakeNap(base::Duration length);
  // Carries out a change, perhaps twice, perhaps without a word.
  template <typename Change>
  auto Carry(storage::Verb verb, std::string_view name, Change&& change);
  [[noreturn]] void Die();
  const HistoryStorage::Object* Look(storage::Verb verb, std::string_view name);
  void RemoveDueLists();
  base::Time StaleMoment();
  bool IsBlindTo(std::string_view name) const;

  World& world_;
  const std::string name_;
  const Schedule::Actor actor_;
  const Temper temper_;
  std::optional<Nap> nap_;
  bool nap_is_next_ = false;
  std::optional<std::size_t> calls_left_;
  bool dead_ = false;
  base::Duration slept_{};
};

}  // namespace holdfast::upkeep
