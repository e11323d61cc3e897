#include "upkeep/testing/explorer.h"

#include <fmt/format.h>

#include <memory>

#include "base/testing/manual_clock.h"
#include "repo/protocol_times.h"
#include "upkeep/testing/actors.h"
#include "upkeep/testing/seeded_random.h"

namespace holdfast::upkeep {

namespace {

// What every schedule begins with: two backups, of which the second shares with the first.
struct Origin {
  Origin() : store(clock, clock) {
    const std::shared_ptr<storage::Storage> storage(std::shared_ptr<void>(), &store);
    (void)repo::Repository::Create(storage, clock, repo::TestUnlock(), {.key_label = "test"});
    const auto repository = repo::Repository::Open(storage, clock, repo::TestUnlock());
    std::optional<repo::ModelParent> parent;
    for (std::uint32_t version = 1; version <= 2; ++version) {
      const repo::Model model = parent ? Changed(parent->model, version) : FirstModel();
      const auto id = repo::BackupId::Parse(fmt::format("shop/20270101T00000{}Z-4f2a", version));
      parent = {repo::WriteModel(repository, id, model, parent, kModelOptions).snapshot, model};
      models[id] = model;
      clock.Advance(std::chrono::hours(30));
    }
  }

  base::ManualClock clock;
  HistoryStorage store;
  std::map<repo::BackupId, repo::Model> models;
};

const Origin& TheOrigin() {
  static const std::unique_ptr<const Origin> origin = [] {
    // Libraries draw something when they are used for the first time.
    const Origin first;
    const SeededRandom random(0);
    return std::make_unique<const Origin>();
  }();
  return *origin;
}

void TellLedger(const Origin& origin, World& world) {
  constexpr auto kNobody = static_cast<Schedule::Actor>(-1);
  for (const auto& object : storage::ListAll(world.store, "")) {
    world.ledger.Stored(kNobody, object.name, storage::GetExisting(world.store, object.name));
  }
  for (const auto& [id, model] : origin.models) world.ledger.Committed(kNobody, id);
  world.ledger.counts = {};
}

StoreKind KindOf(const ExploreOptions& options, Lot& lot) {
  if (options.store != StoreKind::kDrawn) return options.store;
  constexpr std::array kKinds = {StoreKind::kPrompt, StoreKind::kStale, StoreKind::kJumping};
  return kKinds.at(lot.Below(kKinds.size()));
}

Temper DrawTemper(StoreKind kind, Lot& lot) {
  constexpr std::array<double, 4> kNaps = {0, 0.002, 0.01, 0.03};
  Temper temper;
  temper.latency = lot.Chance(0.5) ? std::chrono::seconds(10) : std::chrono::minutes(10);
  temper.naps = kNaps.at(lot.Below(kNaps.size()));
  temper.crashes = lot.Chance(0.3) ? 0.005 : 0;
  temper.losses = lot.Chance(0.3) ? 0.02 : 0;
  if (kind == StoreKind::kStale) temper.stale = lot.Share();
  if (kind == StoreKind::kJumping) temper.jumps = 0.01;
  return temper;
}

}  // namespace

Exploration Explore(const ExploreOptions& options) {
  const Origin& origin = TheOrigin();
  const SeededRandom random(options.seed);
  Lot lot(options.seed);
  const StoreKind kind = KindOf(options, lot);
  Rules rules{.staleness = {}, .even_clock = kind != StoreKind::kJumping};
  if (kind == StoreKind::kStale) rules.staleness = repo::kMaxStaleness;
  World world(lot, rules, origin.store, origin.clock.Now());
  if (options.with_trace) world.trace.emplace();
  TellLedger(origin, world);

  Cast cast(world, origin.models);
  const Temper temper = DrawTemper(kind, world.lot);
  const auto blind = [&](const std::string& prefix) {
    Temper blinded = temper;
    blinded.blind_to = prefix;
    return blinded;
  };
  for (int i = 0; i < 2; ++i) cast.AddWriter(blind(options.writers_blind_to));
  Temper pruner = blind(options.pruners_blind_to);
  pruner.removes_lists_first = options.lists_go_first;
  for (int i = 0; i < 2; ++i) cast.AddPruner(pruner, options.grace);
  for (int i = 0; i < 2; ++i) cast.AddForgetter(temper);
  cast.AddReader(temper);
  cast.AddPinner(temper);
  world.schedule.Run();
  return {.violations = world.ledger.violations(),
          .counts = world.ledger.counts,
          .trace = world.trace.value_or(std::vector<std::string>())};
}

}  // namespace holdfast::upkeep
