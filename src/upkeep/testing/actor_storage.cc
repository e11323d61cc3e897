#include "upkeep/testing/actor_storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/time_text.h"
#include "repo/ids.h"
#include "repo/protocol_times.h"

namespace holdfast::upkeep {

namespace {

using storage::Verb;

constexpr std::array<std::string_view, 7> kVerbs = {"put",  "get",    "get range", "stat",
                                                    "list", "remove", "store time"};

base::Duration NapLength(Lot& lot) {
  using std::chrono::hours;
  if (lot.Chance(0.5)) return lot.UpTo(hours(12));
  if (lot.Chance(0.7)) return lot.UpTo(hours(50));
  return lot.UpTo(hours(24 * 20));
}

}  // namespace

void ActorStorage::Restart(std::optional<Nap> nap) {
  dead_ = false;
  nap_is_next_ = false;
  calls_left_.reset();
  nap_ = std::move(nap);
}

void ActorStorage::Note(const std::string& what) {
  if (!world_.trace) return;
  world_.trace->push_back(
      fmt::format("{} {} {}", base::FormatRfc3339(world_.schedule.Now()), name_, what));
}

void ActorStorage::NoteViolations() {
  const std::vector<std::string>& violations = world_.ledger.violations();
  while (world_.violations_noted < violations.size()) {
    Note("VIOLATION: " + violations[world_.violations_noted++]);
  }
}

// Some wake when another begins to stand still: that is when it is most dangerous to go on.
void ActorStorage::TakeNap(base::Duration length) {
  Lot& lot = world_.lot;
  Note(fmt::format("stands still for up to {}", base::FormatDuration(length)));
  for (const Schedule::Actor other : std::exchange(world_.light_sleepers, {})) {
    if (lot.Chance(0.3)) world_.schedule.Hurry(other, lot.UpTo(length / 2));
  }
  if (lot.Chance(0.7)) world_.light_sleepers.insert(actor_);
  const base::Time begin = world_.schedule.Now();
  world_.schedule.Wait(actor_, length);
  world_.light_sleepers.erase(actor_);
  slept_ += world_.schedule.Now() - begin;
}

bool ActorStorage::IsTimeForNap(Verb verb, std::string_view name) {
  if (!nap_) return false;
  if (nap_is_next_) return true;
  if (nap_->verb != verb || !name.starts_with(nap_->prefix) || nap_->call-- > 0) return false;
  nap_is_next_ = nap_->after;
  return !nap_->after;
}

void ActorStorage::Begin(Verb verb, std::string_view name) {
  if (dead_) throw storage::SimulatedCrash();
  ++world_.ledger.counts.calls;
  NoteViolations();
  Lot& lot = world_.lot;
  world_.schedule.Wait(actor_, lot.Latency(temper_.latency));
  if (lot.Chance(temper_.naps)) TakeNap(NapLength(lot));
  if (calls_left_ && (*calls_left_)-- == 0) Die();
  if (IsTimeForNap(verb, name)) {
    const Nap nap = *std::exchange(nap_, std::nullopt);
    calls_left_ = nap.dies_after;
    TakeNap(nap.length);
  }
  if (lot.Chance(temper_.jumps)) {
    world_.clock.Jump(lot.Between(-std::chrono::hours(60), std::chrono::hours(60)));
  }
  if (lot.Chance(temper_.crashes)) Die();
  Note(fmt::format("{} {}", kVerbs.at(static_cast<std::size_t>(verb)), name));
}

void ActorStorage::Die() {
  Note("dies");
  dead_ = true;
  throw storage::SimulatedCrash();
}

template <typename Change>
auto ActorStorage::Carry(Verb verb, std::string_view name, Change&& change) {
  Begin(verb, name);
  auto outcome = change();
  NoteViolations();
  Lot& lot = world_.lot;
  if (lot.Chance(temper_.crashes)) Die();
  if (!lot.Chance(temper_.losses)) return outcome;
  Note("the answer is lost");
  if (lot.Chance(0.3)) {
    throw base::Error(base::ErrorKind::kUnavailable, fmt::format("no answer about {}", name));
  }
  Begin(verb, name);
  return change();
}

storage::PutOutcome ActorStorage::Put(std::string_view name, base::ByteView contents) {
  return Carry(Verb::kPut, name, [&] {
    const storage::PutOutcome outcome = world_.store.Put(name, contents);
    if (outcome == storage::PutOutcome::kStored) {
      world_.ledger.Stored(actor_, std::string(name), contents);
    }
    return outcome;
  });
}

void ActorStorage::RemoveDueLists() {
  for (const storage::ObjectInfo& list : storage::ListAll(world_.store, repo::kPrunePrefix)) {
    if (world_.clock.Now() - list.modified >= repo::kGrace) (void)world_.store.Remove(list.name);
  }
}

storage::RemoveOutcome ActorStorage::Remove(std::string_view name) {
  if (temper_.removes_lists_first && name.starts_with(repo::kPacksPrefix)) RemoveDueLists();
  return Carry(Verb::kRemove, name, [&] {
    const storage::RemoveOutcome outcome = world_.store.Remove(name);
    if (outcome == storage::RemoveOutcome::kRemoved) {
      world_.ledger.Removed(actor_, std::string(name));
    }
    return outcome;
  });
}

base::Time ActorStorage::StaleMoment() {
  const base::Time now = world_.schedule.Now();
  if (!world_.lot.Chance(temper_.stale)) return now;
  return now - world_.lot.UpTo(world_.rules.staleness);
}

bool ActorStorage::IsBlindTo(std::string_view name) const {
  return !temper_.blind_to.empty() && name.starts_with(temper_.blind_to);
}

const HistoryStorage::Object* ActorStorage::Look(Verb verb, std::string_view name) {
  Begin(verb, name);
  const HistoryStorage::Object* object = world_.store.Find(name, world_.schedule.Now());
  // That it is absent may be old news; that it is there is not.
  if (IsBlindTo(name) || world_.store.Find(name, StaleMoment()) == nullptr) object = nullptr;
  if (object == nullptr) Note("is absent");
  return object;
}

std::optional<base::Bytes> ActorStorage::Get(std::string_view name) {
  const HistoryStorage::Object* object = Look(Verb::kGet, name);
  return object == nullptr ? std::nullopt : std::optional(*object->contents);
}

std::optional<base::Bytes> ActorStorage::GetRange(std::string_view name, std::uint64_t offset,
                                                  std::uint64_t length) {
  const HistoryStorage::Object* object = Look(Verb::kGetRange, name);
  if (object == nullptr) return std::nullopt;
  return Cut(*object->contents, offset, length);
}

std::optional<storage::ObjectInfo> ActorStorage::Stat(std::string_view name) {
  const HistoryStorage::Object* object = Look(Verb::kStat, name);
  if (object == nullptr) return std::nullopt;
  return storage::ObjectInfo{std::string(name), object->contents->size(), object->modified};
}

void ActorStorage::List(std::string_view prefix, std::string_view after,
                        const std::function<void(const storage::ObjectInfo&)>& visit) {
  Begin(Verb::kList, prefix);
  if (prefix.starts_with(repo::kPrunePrefix)) world_.ledger.LooksAtLists(actor_);
  // The listing lasts; what is late in the order of names is looked at late.
  base::Time moment = world_.schedule.Now();
  if (world_.lot.Chance(0.3)) world_.schedule.Wait(actor_, world_.lot.Latency(temper_.latency));
  const base::Time end = world_.schedule.Now();
  std::map<std::string, base::Duration> stale;  // by folder
  std::vector<storage::ObjectInfo> listed;
  world_.store.ListAsOf(
      prefix, after,
      [&](const std::string& name) {
        if (moment < end && world_.lot.Chance(0.3)) moment += world_.lot.UpTo(end - moment);
        const auto [folder, is_new] = stale.try_emplace(name.substr(0, name.rfind('/')));
        if (is_new) folder->second = end - StaleMoment();
        return std::min(moment, end - folder->second);
      },
      [&](const storage::ObjectInfo& object) {
        if (!IsBlindTo(object.name)) listed.push_back(object);
      });
  for (const storage::ObjectInfo& object : listed) {
    Note("  " + object.name);
    visit(object);
  }
}

base::Time ActorStorage::StoreTime() {
  Begin(Verb::kStoreTime, "");
  return world_.clock.Now();
}

}  // namespace holdfast::upkeep
