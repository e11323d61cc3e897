#include "upkeep/testing/sample_repository.h"

#include <algorithm>

#include "pg/wal_segment.h"
#include "storage/storage.h"
#include "wal/archive.h"

namespace holdfast::upkeep {

namespace {

repo::BackupId Id(std::string_view source, std::string_view time) {
  return repo::BackupId::Parse(std::string(source) + "/20261121T" + std::string(time) + "Z-4f2a");
}

base::Bytes Pages(std::uint32_t count, std::uint32_t version) {
  base::Bytes bytes;
  for (std::uint32_t page = 0; page < count; ++page) {
    const base::Bytes content = repo::ModelPage(page, version);
    bytes.insert(bytes.end(), content.begin(), content.end());
  }
  return bytes;
}

// Every second page is zero, so that the map has many runs.
base::Bytes SparsePages(std::uint32_t count) {
  base::Bytes bytes(std::size_t{count} * repo::kPageSize);
  for (std::uint32_t page = 0; page < count; page += 2) {
    bytes[std::size_t{page} * repo::kPageSize] = static_cast<std::uint8_t>(1 + page % 200);
  }
  return bytes;
}

void Change(base::Bytes& file, std::uint32_t page) {
  const base::Bytes content = repo::ModelPage(page, 9);
  std::ranges::copy(content, file.begin() + std::ptrdiff_t{page} * repo::kPageSize);
}

repo::Model FirstModel() {
  repo::Model model;
  model.paged["base/1/100"] = Pages(40, 1);
  model.paged["base/1/200"] = SparsePages(600);
  model.plain["PG_VERSION"] = base::ToBytes("15\n");
  model.plain["empty"] = {};
  model.plain["global/1"] = base::Bytes(700, 7);
  model.plain["pg_xact/0000"] = base::Bytes(70'000, 5);
  return model;
}

repo::Model SecondModel(repo::Model model) {
  Change(model.paged["base/1/100"], 3);
  Change(model.paged["base/1/100"], 17);
  Change(model.paged["base/1/100"], 39);
  model.plain["global/1"] = base::Bytes(800, 8);
  return model;
}

void AddWal(const repo::Repository& repository) {
  wal::Archive archive(repository, "shop");
  const pg::TimelineId first(1);
  const pg::TimelineId second(2);
  (void)archive.Put(kSampleSystem, "000000010000000000000001", SampleSegment(1));
  (void)archive.Put(kSampleSystem, "000000010000000000000002", SampleSegment(2));
  (void)archive.Put(kSampleSystem, "00000002.history",
                    base::AsBytes("1\t0/300000\tno recovery target specified\n"));
  base::Bytes tail = SampleSegment(3);
  tail.resize(std::size_t{2} * repo::kPageSize);
  archive.PutTail(kSampleSystem, first, pg::Lsn(3 * base::kMiB), tail);
  archive.RecordTimeline(kSampleSystem, first);
  archive.RecordTimeline(kSampleSystem, second);
}

}  // namespace

base::Bytes SampleSegment(std::uint32_t number) {
  base::ByteWriter header;
  header.U16(0xD110);  // 15
  header.U16(0x0002);  // XLP_LONG_HEADER
  header.U32(1);
  header.U64(number * base::kMiB);
  header.U32(0);
  header.U32(0);
  header.U64(kSampleSystem.value());
  header.U32(base::kMiB);
  header.U32(repo::kPageSize);
  base::Bytes segment = header.Take();
  segment.resize(base::kMiB);
  return segment;
}

Sample MakeSample() {
  Sample sample{.repository = std::make_unique<repo::TestRepository>(), .backups = {}};
  const repo::Repository& repository = sample.repository->sound();
  const repo::Model first = FirstModel();
  sample.backups.push_back(repo::WriteModel(repository, Id("shop", "070000"), first).snapshot);
  sample.backups.push_back(repo::WriteModel(repository, Id("shop", "080000"), SecondModel(first),
                                            repo::ModelParent{sample.backups[0], first})
                               .snapshot);
  repo::Model other;
  other.paged["base/5/7"] = Pages(5, 3);
  other.plain["PG_VERSION"] = base::ToBytes("16\n");
  sample.backups.push_back(repo::WriteModel(repository, Id("lab", "090000"), other).snapshot);
  AddWal(repository);
  return sample;
}

Sample Sample::Clone() const { return {.repository = repository->Clone(), .backups = backups}; }

void Overwrite(repo::TestRepository& repository, std::string_view object, base::ByteView contents) {
  (void)repository.memory->Remove(object);
  (void)repository.memory->Put(object, contents);
}

std::vector<std::string> ObjectsUnder(repo::TestRepository& repository, std::string_view prefix) {
  std::vector<std::string> names;
  for (const auto& object : storage::ListAll(*repository.memory, prefix)) {
    names.push_back(object.name);
  }
  return names;
}

}  // namespace holdfast::upkeep
