#include "upkeep/testing/actors.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/reporter.h"
#include "repo/lease.h"
#include "repo/pin.h"
#include "upkeep/forget.h"
#include "upkeep/prune.h"

namespace holdfast::upkeep {

namespace {

using std::chrono::hours;
using storage::Verb;

constexpr int kFiles = 4;

// Too long to lie in the tree itself.
base::Bytes FileOf(std::uint32_t version) {
  const base::Bytes page = repo::ModelPage(version, version);
  return {page.begin(), page.begin() + 300};
}

}  // namespace

repo::Model FirstModel() {
  repo::Model model;
  for (int i = 0; i < kFiles; ++i) {
    model.plain[fmt::format("file{}", i)] = FileOf(static_cast<std::uint32_t>(1 + i));
  }
  return model;
}

repo::Model Changed(repo::Model model, std::uint32_t draw) {
  model.plain[fmt::format("file{}", draw % kFiles)] = FileOf(100 + draw);
  model.plain[fmt::format("file{}", draw / kFiles % kFiles)] = FileOf(200 + draw);
  return model;
}

class Cast::Machine final : public base::Clock {
 public:
  Machine(World& world, const std::string& name, Schedule::Actor actor, Temper temper)
      : actor_(actor),
        world_(world),
        skew_(world.lot.Between(-hours(1000), hours(1000))),
        sleeps_soundly_(world.lot.Chance(0.5)),
        storage_(std::make_shared<ActorStorage>(world, name, actor, std::move(temper))) {}

  // Its own clock is wrong by as much as it likes.
  base::Time Now() const override { return world_.schedule.Now() + skew_; }
  std::chrono::steady_clock::time_point Steady() const override {
    const base::Duration slept = sleeps_soundly_ ? storage_->slept() : base::Duration(0);
    return world_.schedule.Steady() - slept;
  }
  bool Sleep(base::Duration duration, const std::stop_token&) override {
    world_.schedule.Wait(actor_, duration);
    return true;
  }

  Schedule::Actor actor() const { return actor_; }
  ActorStorage& storage() { return *storage_; }
  const repo::Repository& repository() {
    if (!opened_) opened_.emplace(repo::Repository::Open(storage_, *this, repo::TestUnlock()));
    return *opened_;
  }

 private:
  const Schedule::Actor actor_;
  World& world_;
  const base::Duration skew_;
  const bool sleeps_soundly_;  // its steady clock stands still when it does
  const std::shared_ptr<ActorStorage> storage_;
  std::optional<repo::Repository> opened_;
};

Cast::Cast(World& world, std::map<repo::BackupId, repo::Model> models)
    : world_(world), models_(std::move(models)) {}

Cast::~Cast() = default;

void Cast::Add(Role role, Temper temper) {
  const Schedule::Actor actor = machines_.size();
  role.name += fmt::format(" {}", actor);
  machines_.push_back(std::make_unique<Machine>(world_, role.name, actor, std::move(temper)));
  Machine& machine = *machines_.back();
  const base::Duration begins_after = world_.lot.UpTo(role.longest_pause);
  world_.schedule.Add(begins_after,
                      [this, &machine, role](Schedule::Actor) { RunAll(machine, role); });
}

void Cast::RunAll(Machine& machine, const Role& role) {
  ActorStorage& storage = machine.storage();
  for (int run = 0; run < role.runs; ++run) {
    storage.Restart(DrawNap(role));
    try {
      role.work(machine);
      world_.ledger.Ended(machine.actor());
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kInternal) throw;
      storage.Note(fmt::format("fails: {}", error.message()));
      world_.ledger.Ended(machine.actor());
    } catch (const storage::SimulatedCrash&) {
      world_.ledger.Died(machine.actor());
    }
    const bool rests = world_.lot.Chance(0.05);
    machine.Sleep(world_.lot.UpTo(rests ? hours(24 * 30) : role.longest_pause), {});
  }
}

// Machines stand still anywhere; half of the runs do at a point where it matters.
std::optional<Nap> Cast::DrawNap(const Role& role) {
  Lot& lot = world_.lot;
  if (lot.Chance(0.5)) return std::nullopt;
  const auto& [verb, prefix] = role.nap_points.at(lot.Below(role.nap_points.size()));
  constexpr std::array<base::Duration, 3> kLongest = {hours(4), hours(30), hours(110)};
  Nap nap{.verb = verb,
          .prefix = prefix,
          .call = lot.Chance(0.5) ? 0 : lot.Below(4),
          .after = lot.Chance(0.5),
          .length = lot.UpTo(kLongest.at(lot.Below(kLongest.size())))};
  if (lot.Chance(0.2)) nap.dies_after = lot.Below(5);
  return nap;
}

void Cast::AddWriter(Temper temper) {
  Add({.name = "writer",
       .runs = 4,
       .longest_pause = hours(40),
       .nap_points = {{Verb::kPut, "snapshots/"},
                      {Verb::kPut, "snapshots/"},
                      {Verb::kList, "prune/"},
                      {Verb::kStat, "packs/"},
                      {Verb::kPut, "packs/"},
                      {Verb::kPut, "leases/"}},
       .work = [this](Machine& machine) { BackUp(machine); }},
      std::move(temper));
}

void Cast::AddPruner(Temper temper, base::Duration grace) {
  Add({.name = "pruner",
       .runs = 7,
       .longest_pause = hours(30),
       .nap_points = {{Verb::kRemove, "packs/"},
                      {Verb::kRemove, "packs/"},
                      {Verb::kList, "leases/"},
                      {Verb::kList, "snapshots/"},
                      {Verb::kList, "packs/"},
                      {Verb::kPut, "prune/"},
                      {Verb::kRemove, "snapshots/"},
                      {Verb::kRemove, "prune/"}},
       .work = [this, grace](Machine& machine) { Prune(machine, grace); }},
      std::move(temper));
}

void Cast::AddForgetter(Temper temper) {
  Add({.name = "forgetter",
       .runs = 4,
       .longest_pause = hours(50),
       .nap_points = {{Verb::kPut, "snapshots/"},
                      {Verb::kList, "pins/"},
                      {Verb::kList, "snapshots/"},
                      {Verb::kRemove, "snapshots/"}},
       .work = [this](Machine& machine) { Forget(machine); }},
      std::move(temper));
}

void Cast::AddReader(Temper temper) {
  Add({.name = "reader",
       .runs = 3,
       .longest_pause = hours(60),
       .nap_points = {{Verb::kPut, "leases/"}, {Verb::kStat, "snapshots/"}},
       .work = [this](Machine& machine) { Restore(machine); }},
      std::move(temper));
}

void Cast::AddPinner(Temper temper) {
  Add({.name = "pinner",
       .runs = 3,
       .longest_pause = hours(80),
       .nap_points = {{Verb::kPut, "pins/"}, {Verb::kList, "snapshots/"}},
       .work = [this](Machine& machine) { Pin(machine); }},
      std::move(temper));
}

std::optional<repo::BackupId> Cast::AnyListed(Machine& machine, bool newest) {
  const std::vector<repo::BackupId> listed = repo::ListBackups(machine.repository());
  if (listed.empty()) return std::nullopt;
  return newest ? listed.back() : listed[world_.lot.Below(listed.size())];
}

void Cast::BackUp(Machine& machine) {
  const repo::Repository& repository = machine.repository();
  std::optional<repo::ModelParent> parent;
  if (const auto id = AnyListed(machine, world_.lot.Chance(0.6))) {
    parent = {repo::ReadSnapshot(repository, *id), models_.at(*id)};
  }
  const auto draw = static_cast<std::uint32_t>(world_.lot.Below(64));
  const repo::Model model = Changed(parent ? parent->model : FirstModel(), draw);
  const auto id = repo::BackupId::New("shop", machine.Now());
  // Whoever finds it builds upon it.
  models_[id] = model;
  (void)repo::WriteModel(repository, id, model, parent, kModelOptions);
  machine.storage().Note(fmt::format("has committed {}", id.ToString()));
  world_.ledger.Committed(machine.actor(), id);
}

void Cast::Prune(Machine& machine, base::Duration grace) {
  base::NullReporter report;
  const PruneOptions options{.grace = grace,
                             .short_grace = grace < repo::kGrace,
                             .allowed_share = 100,
                             .despite_damage = world_.lot.Chance(0.5),
                             .jobs = 1};
  (void)upkeep::Prune(machine.storage(), options, report, {});
  ++world_.ledger.counts.prunes;
}

void Cast::Forget(Machine& machine) {
  std::vector<repo::BackupId> going;
  while (going.empty() || world_.lot.Chance(0.3)) {
    const auto id = AnyListed(machine, world_.lot.Chance(0.3));
    if (!id) return;
    going.push_back(*id);
  }
  (void)ForgetByName(machine.repository(), going, {.even_last = world_.lot.Chance(0.3)});
}

void Cast::Restore(Machine& machine) {
  const repo::Repository& repository = machine.repository();
  const auto id = AnyListed(machine, false);
  if (!id) return;
  repo::Lease lease(repository, {.kind = "restore", .pins = {*id}, .log = {}});
  ActorStorage& storage = machine.storage();
  if (!storage.Stat(repo::SnapshotObject(*id)) || storage.Stat(repo::TombstoneObject(*id))) return;
  world_.ledger.HoldByLease(machine.actor(), *id);
  const std::size_t hours_needed = world_.lot.Below(100);
  for (std::size_t hour = 0; hour < hours_needed; ++hour) {
    machine.Sleep(world_.lot.UpTo(hours(1)), {});
    lease.KeepAlive();
  }
  world_.ledger.LetGo(machine.actor());
}

void Cast::Pin(Machine& machine) {
  ActorStorage& storage = machine.storage();
  const auto id = AnyListed(machine, false);
  if (!id) return;
  repo::PutPin(storage, *id, std::nullopt);
  // As `holdfast pin` does: whoever forgets looks for pins after the tombstone was put.
  const auto listing = repo::ListSnapshotObjects(storage, id->source);
  if (listing.snapshots.contains(*id) && !listing.tombstones.contains(*id)) {
    world_.ledger.HoldByPin(machine.actor(), *id);
  }
  machine.Sleep(world_.lot.UpTo(hours(100)), {});
  world_.ledger.LetGo(machine.actor());
  (void)repo::RemovePins(storage, *id);
}

}  // namespace holdfast::upkeep
