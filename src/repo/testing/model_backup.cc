#include "repo/testing/model_backup.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "repo/content_store.h"
#include "repo/file_digest.h"

namespace holdfast::repo {

namespace {

constexpr std::size_t kPieceSize = 3000;

// Splits a file into pages, fills frames with those that are not where they were, and makes the
// maps.
class PagePacker {
 public:
  explicit PagePacker(Writer& writer, DataWriter& data, const codec::PageHasher& hasher)
      : writer_(writer), data_(data), hasher_(hasher) {}

  void Zero() { builder_.AddZero(); }
  void Keep(const PagePlace& place) { builder_.Add(place); }
  void Store(base::ByteView page) {
    builder_.Add({.zero = false,
                  .frame = data_.NextFrame(),
                  .index = static_cast<std::uint32_t>(hashes_.size())});
    pages_.insert(pages_.end(), page.begin(), page.end());
    hashes_.push_back(hasher_(page));
    if (hashes_.size() == kPagesPerFrame) CloseFrame();
  }
  PageMap Finish() {
    CloseFrame();
    return builder_.Take();
  }

 private:
  void CloseFrame() {
    if (hashes_.empty()) return;
    (void)data_.AppendPages(pages_, hashes_);
    pages_.clear();
    hashes_.clear();
    writer_.KeepAlive();
  }

  Writer& writer_;
  DataWriter& data_;
  const codec::PageHasher& hasher_;
  PageMapBuilder builder_;
  base::Bytes pages_;
  std::vector<std::uint64_t> hashes_;
};

class ModelWriter {
 public:
  ModelWriter(const Repository& repository, const BackupId& id,
              const std::optional<ModelParent>& parent, const ModelOptions& options)
      : parent_(parent),
        kind_(options.kind),
        writer_(repository, OptionsOf(id, parent, options)),
        frames_(repository),
        keyring_(repository.keyring()),
        hasher_(keyring_.page_hasher()),
        data_(writer_) {
    if (parent) parent_tree_.emplace(frames_, parent->snapshot.facts.tree);
  }

  ModelBackup Write(const Model& model) {
    for (const auto& [path, bytes] : model.plain) {
      AddPlain(path, bytes);
      writer_.KeepAlive();
    }
    for (const auto& [path, bytes] : model.paged) AddPaged(path, bytes);
    data_.Flush();
    TreeWriter tree(writer_.meta());
    for (auto& [path, entry] : entries_) {
      if (auto* content = std::get_if<ExtentContent>(&entry.content)) {
        if (content->lists.empty()) *content = StoreExtents(writer_, content->extents);
      }
      if (const auto map = maps_.find(path); map != maps_.end()) {
        entry.content = PagedContent{{StoreMap(writer_, map->second)}};
      }
      tree.Add(entry);
    }
    SnapshotDraft draft;
    draft.kind = kind_;
    draft.started = base::Time(std::chrono::seconds(1'800'000'000));
    draft.finished = draft.started + std::chrono::minutes(1);
    draft.tree = tree.Finish();
    if (parent_) draft.parent = parent_->snapshot.id;
    Snapshot snapshot = writer_.Commit(draft);
    return {std::move(snapshot), writer_.stats()};
  }

 private:
  static WriterOptions OptionsOf(const BackupId& id, const std::optional<ModelParent>& parent,
                                 const ModelOptions& options) {
    return {.id = id,
            .parent = parent ? std::optional(parent->snapshot.id) : std::nullopt,
            .log_start = std::nullopt,
            .pack_size = options.pack_size,
            .compression = {}};
  }

  static TreeEntry Entry(const std::string& path, std::uint64_t size) {
    TreeEntry entry;
    entry.path = path;
    entry.mode = 0600;
    entry.size = size;
    return entry;
  }

  // The parent's entry, if all that it needs may be built on.
  std::optional<TreeEntry> FromParent(const std::string& path) {
    if (!parent_tree_) return std::nullopt;
    std::optional<TreeEntry> entry = parent_tree_->Find(path);
    if (!entry) return std::nullopt;
    try {
      UsePacksOf(writer_, frames_, entry->content);
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kConflict) throw;
      return std::nullopt;
    }
    return entry;
  }

  static bool Same(const std::map<std::string, base::Bytes>& files, const std::string& path,
                   const base::Bytes& bytes) {
    const auto it = files.find(path);
    return it != files.end() && it->second == bytes;
  }

  void AddPlain(const std::string& path, const base::Bytes& bytes) {
    if (parent_ && Same(parent_->model.plain, path, bytes)) {
      if (const auto entry = FromParent(path)) {
        entries_[path] = *entry;
        return;
      }
    }
    TreeEntry entry = Entry(path, bytes.size());
    if (bytes.empty()) {
      entry.content = {};
    } else if (bytes.size() <= 200) {
      entry.content = InlineContent{bytes};
    } else {
      ExtentContent content;
      for (base::ByteView rest = bytes; !rest.empty();) {
        const auto length = static_cast<std::uint32_t>(std::min(rest.size(), kPieceSize));
        content.extents.push_back({data_.AppendBytes(rest.first(length)), 0, length});
        rest = rest.subspan(length);
      }
      entry.content = std::move(content);
    }
    entry.digest = DigestOf(keyring_, bytes);
    entries_[path] = std::move(entry);
  }

  bool MayBuildOn(const PackId& pack) {
    return !writer_.IsCondemned(pack) && !writer_.IsMarkedDamaged(pack);
  }

  void AddPaged(const std::string& path, const base::Bytes& bytes) {
    const bool known = parent_ && parent_->model.paged.contains(path);
    std::optional<TreeEntry> before = known ? parent_tree_->Find(path) : std::nullopt;
    if (known && Same(parent_->model.paged, path, bytes)) {
      if (const auto entry = FromParent(path)) {
        entries_[path] = *entry;
        return;
      }
    }
    PageMap old_map;
    if (before) old_map = frames_.Map(std::get<PagedContent>(before->content).parts.at(0));
    PagePacker packer(writer_, data_, hasher_);
    for (std::uint32_t page = 0; std::size_t{page} * kPageSize < bytes.size(); ++page) {
      const auto at = [&](const base::Bytes& file) {
        return base::ByteView(file).subspan(std::size_t{page} * kPageSize, kPageSize);
      };
      if (base::AllZero(at(bytes))) {
        packer.Zero();
        continue;
      }
      const bool same =
          page < old_map.page_count && base::Equal(at(parent_->model.paged.at(path)), at(bytes));
      if (same && MayBuildOn(old_map.Find(page).frame.pack)) {
        packer.Keep(old_map.Find(page));
      } else {
        packer.Store(at(bytes));
      }
    }
    maps_[path] = packer.Finish();
    entries_[path] = Entry(path, bytes.size());
  }

  const std::optional<ModelParent>& parent_;
  const std::string kind_;
  Writer writer_;
  FrameReader frames_;
  const Keyring& keyring_;
  const codec::PageHasher hasher_;
  DataWriter data_;
  std::optional<TreeReader> parent_tree_;
  std::map<std::string, TreeEntry> entries_;
  std::map<std::string, PageMap> maps_;
};

base::Bytes ReadPages(FrameReader& frames, const TreeEntry& entry) {
  base::Bytes bytes;
  for (const PagedContent::Part& part : std::get<PagedContent>(entry.content).parts) {
    const PageMap map = frames.Map(part);
    for (std::uint32_t page = 0; page < map.page_count; ++page) {
      const PagePlace place = map.Find(page);
      if (place.zero) {
        bytes.resize(bytes.size() + kPageSize);
        continue;
      }
      const auto frame = frames.Read(place.frame);
      const base::ByteView found =
          base::ByteView(*frame).subspan(std::size_t{place.index} * kPageSize, kPageSize);
      bytes.insert(bytes.end(), found.begin(), found.end());
    }
  }
  bytes.resize(entry.size);
  return bytes;
}

}  // namespace

Unlock TestUnlock() { return KeyFile{codec::Key256::From(base::Bytes(codec::Key256::kSize, 42))}; }

TestRepository::TestRepository() : TestRepository(nullptr) {}

TestRepository::TestRepository(const TestRepository* origin)
    : memory(std::make_shared<storage::MemoryStorage>(clock)),
      faulty(std::make_shared<storage::FaultyStorage>(memory)) {
  const Unlock key = TestUnlock();
  if (origin == nullptr) {
    (void)Repository::Create(memory, clock, key, {.key_label = "test"});
  } else {
    clock.Advance(origin->clock.Now() - clock.Now());
    for (const auto& object : storage::ListAll(*origin->memory, "")) {
      (void)memory->Put(object.name, storage::GetExisting(*origin->memory, object.name));
    }
  }
  repository_.emplace(Repository::Open(faulty, clock, key));
  sound_.emplace(Repository::Open(memory, clock, key));
}

std::unique_ptr<TestRepository> TestRepository::Clone() const {
  return std::unique_ptr<TestRepository>(new TestRepository(this));
}

void TestRepository::ReplaceByAnother() {
  const TestRepository other;
  (void)memory->Remove(kConfigObject);
  (void)memory->Put(kConfigObject, storage::GetExisting(*other.memory, kConfigObject));
}

base::Bytes ModelPage(std::uint32_t number, std::uint32_t version) {
  base::Bytes page(kPageSize);
  if (version == 0) return page;
  std::uint32_t state = number * 2654435761U + version;
  for (std::size_t i = 0; i < page.size(); ++i) {
    state = state * 1664525U + 1013904223U;
    // Half of it compresses.
    page[i] =
        i % 2 == 0 ? static_cast<std::uint8_t>(state >> 24) : static_cast<std::uint8_t>(version);
  }
  return page;
}

ModelBackup WriteModel(const Repository& repository, const BackupId& id, const Model& model,
                       const std::optional<ModelParent>& parent, const ModelOptions& options) {
  return ModelWriter(repository, id, parent, options).Write(model);
}

Model ReadModel(const Repository& repository, const Snapshot& snapshot) {
  FrameReader frames(repository);
  TreeReader tree(frames, snapshot.facts.tree);
  Model model;
  while (const std::optional<TreeEntry> entry = tree.Next()) {
    if (std::holds_alternative<PagedContent>(entry->content)) {
      model.paged[entry->path] = ReadPages(frames, *entry);
    } else {
      model.plain[entry->path] = frames.Content(*entry);
    }
  }
  return model;
}

}  // namespace holdfast::repo
