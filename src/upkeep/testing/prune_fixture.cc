#include "upkeep/testing/prune_fixture.h"

#include <fmt/format.h>

#include "base/error.h"
#include "pg/wal_segment.h"
#include "repo/snapshot_codec.h"
#include "storage/storage.h"
#include "upkeep/log_scan.h"

namespace holdfast::upkeep {

namespace {

constexpr std::uint64_t kSystem = 7;

repo::Model ModelOf(std::uint32_t version) {
  repo::Model model;
  // The first file is the same in all versions, so that there is something to share.
  for (std::uint32_t page = 0; page < 20; ++page) {
    const base::Bytes same = repo::ModelPage(page, 1);
    const base::Bytes own = repo::ModelPage(page, version);
    auto& first = model.paged["base/1/100"];
    auto& second = model.paged["base/1/200"];
    first.insert(first.end(), same.begin(), same.end());
    second.insert(second.end(), own.begin(), own.end());
  }
  model.plain["PG_VERSION"] = base::ToBytes("15\n");
  return model;
}

pg::SegmentSize SegmentSize() { return pg::SegmentSize::FromBytes(base::kMiB); }

}  // namespace

repo::BackupId Id(const std::string& name) {
  const std::size_t slash = name.find('/');
  return repo::BackupId::Parse(fmt::format("{}/20261121T0700{:02}Z-4f2a", name.substr(0, slash),
                                           std::stoi(name.substr(slash + 1))));
}

PruneFixture::PruneFixture() = default;

repo::Snapshot PruneFixture::BackUp(const std::string& id, std::uint32_t version,
                                    const std::string& parent) {
  std::optional<repo::ModelParent> model_parent;
  if (!parent.empty()) {
    model_parent =
        repo::ModelParent{repo::ReadSnapshot(test.sound(), Id(parent)), models.at(Id(parent))};
  }
  models[Id(id)] = ModelOf(version);
  return repo::WriteModel(test.repository(), Id(id), models[Id(id)], model_parent).snapshot;
}

void PruneFixture::PutLogged(const std::string& id, std::uint32_t timeline, std::uint64_t start,
                             std::uint64_t stop, std::uint64_t system) {
  repo::Snapshot snapshot;
  snapshot.id = Id(id);
  snapshot.facts.kind = "cluster";
  snapshot.facts.log =
      repo::LogRange{.system = system, .timeline = timeline, .start = start, .stop = stop};
  ASSERT_EQ(test.memory->Put(repo::SnapshotObject(snapshot.id),
                             repo::EncodeSnapshot(test.sound().keyring(), snapshot, {})),
            storage::PutOutcome::kStored);
}

void PruneFixture::PutSegments(std::uint32_t timeline, int first, int last) {
  (void)test.memory->Put(fmt::format("wal/shop/{}/segment-size/{}", kSystem, base::kMiB), {});
  for (int number = first; number <= last; ++number) {
    const std::string name =
        pg::FormatSegmentName(pg::TimelineId(timeline),
                              pg::SegmentNumber(static_cast<std::uint64_t>(number)), SegmentSize());
    (void)test.memory->Put(
        fmt::format("wal/shop/{}/{:08X}/{}.{:032x}", kSystem, timeline, name, number),
        base::Bytes(100));
  }
  test.clock.Advance(std::chrono::seconds(1));
}

std::vector<int> PruneFixture::Segments(std::uint32_t timeline) const {
  std::vector<int> numbers;
  ForEachSegmentObject(*test.memory, {.source = "shop", .system = kSystem}, SegmentSize(),
                       [&](const SegmentObject& object) {
                         if (object.timeline == timeline)
                           numbers.push_back(static_cast<int>(object.start / base::kMiB));
                       });
  return numbers;
}

void PruneFixture::Forget(const std::string& id, std::string_view contents) {
  ASSERT_EQ(test.memory->Put(repo::TombstoneObject(Id(id)), base::AsBytes(contents)),
            storage::PutOutcome::kStored);
}

PruneResult PruneFixture::Run(const PruneOptions& options) {
  return Prune(*test.faulty, options, report, {});
}

PruneResult PruneFixture::RunADayLater(const PruneOptions& options) {
  test.clock.Advance(repo::kGrace);
  return Run(options);
}

base::ErrorKind PruneFixture::Refused(const PruneOptions& options) {
  const std::vector<std::string> before = Objects();
  try {
    (void)Run(options);
  } catch (const base::Error& error) {
    EXPECT_EQ(Objects(), before);
    return error.kind();
  }
  ADD_FAILURE() << "it was not refused";
  return base::ErrorKind::kInternal;
}

std::vector<std::string> PruneFixture::Objects(std::string_view prefix) const {
  std::vector<std::string> names;
  for (const auto& object : storage::ListAll(*test.memory, prefix)) names.push_back(object.name);
  return names;
}

void PruneFixture::ExpectAllReadable() {
  for (const repo::BackupId& id : repo::ListBackups(test.sound())) {
    EXPECT_EQ(repo::ReadModel(test.sound(), repo::ReadSnapshot(test.sound(), id)), models.at(id));
  }
}

}  // namespace holdfast::upkeep
