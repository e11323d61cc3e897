#include "backup/testing/copy_fixture.h"

#include <algorithm>
#include <stop_token>
#include <variant>

namespace holdfast::backup {
namespace {

base::Bytes Contents(repo::FrameReader& frames, const repo::TreeEntry& entry) {
  const auto* paged = std::get_if<repo::PagedContent>(&entry.content);
  if (paged == nullptr) return frames.Content(entry);
  base::Bytes contents;
  for (const auto& part : paged->parts) {
    const repo::PageMap map = frames.Map(part);
    for (std::uint32_t page = 0; page < map.page_count; ++page) {
      const repo::PagePlace place = map.Find(page);
      contents.resize(contents.size() + repo::kPageSize);
      if (place.zero) continue;
      const auto frame = frames.Read(place.frame);
      std::ranges::copy(base::ByteView(*frame).subspan(std::size_t{place.index} * repo::kPageSize,
                                                       repo::kPageSize),
                        contents.end() - repo::kPageSize);
    }
  }
  contents.resize(entry.size);
  return contents;
}

}  // namespace

CopyFixture::CopyFixture() {
  cluster.files()["PG_VERSION"] = base::ToBytes("15\n");
  cluster.files()["global/pg_control"] = base::Bytes(8192, 7);
  repository.emplace(repo::Repository::Create(faulty, clock, repo::KeyFile{codec::Key256::Random()},
                                              {.password_cost = {}}));
}

void CopyFixture::AddRelation(const std::string& path, std::size_t pages, std::uint64_t seed) {
  base::Bytes& file = cluster.files()[path];
  for (std::size_t i = 0; i < pages; ++i) {
    const base::Bytes page = SoundPage(seed + i);
    file.insert(file.end(), page.begin(), page.end());
  }
}

void CopyFixture::ChangePage(const std::string& path, std::size_t page, std::uint64_t seed) {
  const base::Bytes changed = SoundPage(seed);
  std::ranges::copy(changed, cluster.files().at(path).begin() +
                                 static_cast<std::ptrdiff_t>(page * repo::kPageSize));
}

repo::Snapshot CopyFixture::BackUp(const std::optional<repo::Snapshot>& parent) {
  clock.Advance(std::chrono::minutes(1));
  repo::WriterOptions options{
      .id = repo::BackupId::New("shop", clock.Now()), .parent = {}, .log_start = {}};
  options.pack_size = 256 * base::kKiB;
  if (parent) options.parent = parent->id;
  repo::Writer writer(*repository, options);
  repo::FrameReader parent_frames(*repository);
  PageJudge judge(pg::Lsn(100), pg::PageChecksums::kOff);
  ParentLosses losses;
  OlderPacks older(decayed);
  CopyContext context{.cluster = cluster,
                      .writer = writer,
                      .parent_frames = parent_frames,
                      .losses = losses,
                      .older_packs = older,
                      .keyring = repository->keyring(),
                      .judge = judge,
                      .clock = clock,
                      .report = report,
                      .counters = counters.emplace(),
                      .blocks_per_segment = kBlocksPerSegment,
                      .changed_pages = known ? &*known : nullptr,
                      .audit = audit ? &*audit : nullptr};
  CopyStageOptions stage{
      .jobs = 2, .tablespace_version_directory = "PG_15_202209061", .parent_tree = {}};
  if (parent) stage.parent_tree = parent->facts.tree;
  repo::SnapshotDraft draft;
  draft.kind = "cluster";
  draft.tree = CopyCluster(
      context, cluster.List(), stage, [&] { return cluster.files().at("global/pg_control"); },
      std::stop_token());
  warnings = losses.Warnings();
  older_packs = older.Facts();
  return writer.Commit(draft);
}

Files CopyFixture::ReadBack(const repo::Snapshot& snapshot) {
  repo::FrameReader frames(*repository);
  repo::TreeReader tree(frames, snapshot.facts.tree);
  Files files;
  while (const auto entry = tree.Next()) {
    if (entry->type == repo::FileType::kRegular) files[entry->path] = Contents(frames, *entry);
  }
  return files;
}

}  // namespace holdfast::backup
