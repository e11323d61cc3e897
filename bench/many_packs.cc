// many_packs FOLDER KEY_FILE SNAPSHOTS PACKS_OF_EACH SHARED_OF_EACH
//
// Fills an empty repository, for measurements: snapshots an hour apart up to now, each with packs
// of its own and so many of those before it. The objects are what the program itself writes, but
// tiny ones, and all snapshots share one empty tree.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "repo/snapshot_codec.h"
#include "repo/writer.h"
#include "storage/directory_storage.h"

namespace {

using namespace holdfast;

struct Amounts {
  std::size_t snapshots;
  std::size_t own;
  std::size_t shared;
};

repo::PackId PutPack(repo::Writer& writer, const repo::Repository& repository, std::uint64_t n) {
  repo::PackBuilder pack(repository.keyring(), repo::PackKind::kData, {});
  const std::string content = "pack " + std::to_string(n);
  (void)pack.Append(repo::FrameKind::kBytes, base::AsBytes(content));
  return writer.PutPack(std::move(pack));
}

// Only to put packs and an empty tree: its own backup is the first of all.
repo::Snapshot FirstBackup(repo::Writer& writer, const repo::BackupId& id, base::Time started) {
  repo::TreeWriter tree(writer.meta());
  repo::TreeEntry root;
  root.type = repo::FileType::kDirectory;
  root.modified = started;
  tree.Add(root);
  repo::SnapshotDraft draft;
  draft.kind = "volume";
  draft.started = draft.finished = started;
  draft.tree = tree.Finish();
  repo::Snapshot snapshot = writer.Commit(std::move(draft));
  snapshot.id = id;
  return snapshot;
}

void PutSnapshot(const repo::Repository& repository, repo::Snapshot snapshot,
                 const std::set<repo::ShortPackId>& packs) {
  snapshot.pack_count = packs.size();
  const std::vector<repo::ShortPackId> list(packs.begin(), packs.end());
  (void)repository.storage().Put(repo::SnapshotObject(snapshot.id),
                                 repo::EncodeSnapshot(repository.keyring(), snapshot, list));
}

void Fill(const repo::Repository& repository, const Amounts& amounts) {
  const base::Time now = repository.clock().Now();
  const auto hour = [&](std::size_t number) {
    return now - std::chrono::hours(amounts.snapshots - number);
  };
  std::vector<repo::PackId> packs;
  const repo::BackupId first = repo::BackupId::New("shop", hour(0));
  repo::WriterOptions options;
  options.id = first;
  repo::Writer writer(repository, options);
  for (std::size_t n = 0; n < amounts.snapshots * amounts.own; ++n) {
    packs.push_back(PutPack(writer, repository, n));
  }
  repo::Snapshot snapshot = FirstBackup(writer, first, hour(0));
  const repo::ShortPackId tree =
      repo::ShortPackId::Of(snapshot.facts.tree.index_frames.front().pack);
  for (std::size_t number = 1; number < amounts.snapshots; ++number) {
    snapshot.id = repo::BackupId::New("shop", hour(number));
    snapshot.facts.started = snapshot.facts.finished = hour(number);
    ++snapshot.sequence;
    const std::size_t end = (number + 1) * amounts.own;
    const std::size_t needed = amounts.own + amounts.shared;
    std::set<repo::ShortPackId> list = {tree};
    for (std::size_t n = end > needed ? end - needed : 0; n < end; ++n) {
      list.insert(repo::ShortPackId::Of(packs[n]));
    }
    PutSnapshot(repository, snapshot, list);
  }
  // Its own record names every pack.
  (void)repository.storage().Remove(repo::SnapshotObject(first));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "many_packs FOLDER KEY_FILE SNAPSHOTS PACKS_OF_EACH SHARED_OF_EACH\n";
    return 2;
  }
  try {
    base::SystemClock clock;
    const auto key = repo::KeyFile::Parse(base::AsText(base::ReadFile(argv[2])));
    const auto storage =
        std::make_shared<storage::DirectoryStorage>(argv[1], storage::DirectoryOptions{});
    Fill(repo::Repository::Open(storage, clock, key), {.snapshots = std::stoul(argv[3]),
                                                       .own = std::stoul(argv[4]),
                                                       .shared = std::stoul(argv[5])});
    return 0;
  } catch (const base::Error& error) {
    std::cerr << "many_packs: " << error.message() << '\n';
    return 1;
  }
}
