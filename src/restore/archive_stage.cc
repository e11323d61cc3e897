#include "restore/archive_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/workers.h"
#include "repo/file_digest.h"
#include "restore/content_reader.h"

namespace holdfast::restore {

namespace {

// What is read at once: 8 MiB. A file without pages that is larger is not read ahead.
constexpr std::uint32_t kPagesPerRead = 1024;
constexpr std::uint64_t kMaxRead = std::uint64_t{kPagesPerRead} * repo::kPageSize;
// Files of no size cost something too.
constexpr std::uint64_t kItemCost = 1024;

ArchiveEntry EntryFor(const repo::TreeEntry& entry, Owner owner) {
  return {.path = entry.path,
          .directory = entry.type == repo::FileType::kDirectory,
          .mode = entry.mode,
          .uid = owner.uid,
          .gid = owner.gid,
          .size = entry.size,
          .modified = entry.modified};
}

}  // namespace

WrittenFile ArchiveFiles::Write(std::string_view path, base::ByteView contents,
                                std::uint32_t mode) {
  writer_.Begin({.path = std::string(path),
                 .mode = mode,
                 .uid = owner_.uid,
                 .gid = owner_.gid,
                 .size = contents.size(),
                 .modified = modified_});
  writer_.Write(contents);
  return {.path = std::string(path),
          .size = contents.size(),
          .modified = modified_,
          .crc32c = pg::Crc32cOf(contents)};
}

void ArchiveFiles::Begin(const repo::TreeEntry& entry) { writer_.Begin(EntryFor(entry, owner_)); }

ArchiveStage::ArchiveStage(const repo::Repository& repository, repo::FrameReader& frames,
                           OtherCopies& others, int jobs, base::Reporter& report,
                           repo::Lease* lease)
    : repository_(repository),
      frames_(frames),
      others_(others),
      pieces_(repository, frames, others),
      jobs_(jobs),
      report_(report),
      lease_(lease),
      items_(2 * kMaxRead * static_cast<std::uint64_t>(jobs)),
      tasks_(std::numeric_limits<std::uint64_t>::max()) {}

SetAside ArchiveStage::Run(const RestorePlan& plan, ArchiveFiles& files, ArchiveWriter& writer,
                           Manifest& manifest, const std::stop_token& stop) {
  files_ = &files;
  writer_ = &writer;
  manifest_ = &manifest;
  SetAside aside;
  base::Workers workers(stop);
  workers.OnFailure([&] {
    items_.Abort();
    tasks_.Abort();
  });
  workers.Start([&](const std::stop_token& token) {
    aside = WalkTree(frames_, plan.backup.facts.tree, others_, plan.config.changed, *this, token);
    items_.Close();
    tasks_.Close();
  });
  for (int job = 0; job < jobs_; ++job) {
    // What a task throws comes out where its bytes are wanted.
    workers.Start([&](const std::stop_token& token) {
      while (auto task = tasks_.Pop()) (*task)(token);
    });
  }
  workers.Start([&](const std::stop_token& token) { WriteAll(token); });
  workers.Join();
  base::ThrowIfStopped(stop);
  return aside;
}

void ArchiveStage::AddDirectory(const repo::TreeEntry& directory) {
  if (directory.path.empty()) return;  // it is the first entry
  (void)Push({.entry = std::make_shared<repo::TreeEntry>(directory), .begins = true}, kItemCost);
}

// In place: a link would lead to somebody else's disk.
void ArchiveStage::AddTablespace(const repo::TreeEntry& link, pg::Oid) {
  repo::TreeEntry directory;
  directory.path = link.path;
  directory.type = repo::FileType::kDirectory;
  directory.mode = 0700;
  directory.modified = link.modified;
  AddDirectory(directory);
}

bool ArchiveStage::AddFile(repo::TreeEntry file) {
  const auto entry = std::make_shared<const repo::TreeEntry>(std::move(file));
  if (std::holds_alternative<repo::PagedContent>(entry->content)) return AddPages(entry);
  Item item{.entry = entry, .begins = true, .ends = true};
  if (entry->size > kMaxRead) return Push(std::move(item), kItemCost);
  ReadTask task([this, entry](const std::stop_token&) {
    base::Bytes content;
    content.reserve(entry->size);
    pieces_.Read(*entry, [&](const PieceSource& source) {
      content.clear();
      ReadBytes(source, [&](const Piece& piece) {
        content.insert(content.end(), piece.bytes.begin(), piece.bytes.end());
      });
    });
    return content;
  });
  return PushRead(std::move(item), entry->size + kItemCost, std::move(task));
}

bool ArchiveStage::AddPages(const std::shared_ptr<const repo::TreeEntry>& entry) {
  const auto& parts = std::get<repo::PagedContent>(entry->content).parts;
  bool begins = true;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const std::uint32_t pages = parts[part].page_count;
    for (std::uint32_t first = 0; first < pages; first += kPagesPerRead) {
      const PageRange range{.first = first, .count = kPagesPerRead};
      ReadTask task([this, entry, part, range](const std::stop_token& stop) {
        base::Bytes content;
        content.reserve(kMaxRead);
        pieces_.Read(*entry, [&](const PieceSource& source) {
          content.clear();
          ReadPages(source, part, range, stop, [&](const Piece& piece) {
            content.insert(content.end(), piece.bytes.begin(), piece.bytes.end());
          });
        });
        return content;
      });
      const bool ends = part + 1 == parts.size() && pages - first <= kPagesPerRead;
      Item item{.entry = entry, .begins = std::exchange(begins, false), .ends = ends};
      if (!PushRead(std::move(item), kMaxRead, std::move(task))) return false;
    }
  }
  return true;
}

bool ArchiveStage::Push(Item item, std::uint64_t bytes) {
  return items_.Push(std::move(item), bytes);
}

// The item first: its room is what bounds the reading.
bool ArchiveStage::PushRead(Item item, std::uint64_t bytes, ReadTask task) {
  item.content = task.get_future();
  return items_.Push(std::move(item), bytes) && tasks_.Push(std::move(task), 1);
}

void ArchiveStage::WriteAll(const std::stop_token& stop) {
  while (auto item = items_.Pop()) {
    base::ThrowIfStopped(stop);
    base::WithContext([&] { return fmt::format("exporting {}", item->entry->path); },
                      [&] { WriteItem(*item); });
    if (lease_ != nullptr) lease_->KeepAlive();
    others_.KeepAlive();
  }
}

void ArchiveStage::WriteItem(Item& item) {
  const repo::TreeEntry& entry = *item.entry;
  if (item.begins) {
    files_->Begin(entry);
    crc_ = {};
    position_ = 0;
  }
  if (entry.type == repo::FileType::kDirectory) return;
  if (item.content) {
    Append(entry, item.content->get());
  } else {
    WriteUnread(entry);
  }
  if (item.ends) End(entry);
}

// Too large to be kept until it is known to be sound. What another source repeats of it is written
// already, so the digest is of what was written, wherever that came from.
void ArchiveStage::WriteUnread(const repo::TreeEntry& entry) {
  repo::FileDigester written(repository_.keyring());
  pieces_.Read(entry, [&](const PieceSource& source) {
    ReadBytes(source, [&](const Piece& piece) {
      const base::ByteView rest = piece.bytes.subspan(
          std::min<std::uint64_t>(piece.bytes.size(), position_ - piece.offset));
      written.Add(rest);
      Append(entry, rest);
    });
  });
  if (written.Finish() != entry.digest)
    throw base::Error(base::ErrorKind::kCorrupt, "its content is not what was backed up");
}

void ArchiveStage::Append(const repo::TreeEntry& entry, base::ByteView bytes) {
  if (position_ + bytes.size() > entry.size)
    throw base::Error(base::ErrorKind::kCorrupt, "there is more of it than was backed up");
  crc_.Extend(bytes);
  writer_->Write(bytes);
  position_ += bytes.size();
  report_.Advance(bytes.size());
}

void ArchiveStage::End(const repo::TreeEntry& entry) {
  // The library would fill up what is missing with zeros.
  if (position_ != entry.size)
    throw base::Error(base::ErrorKind::kCorrupt, "there is less of it than was backed up");
  manifest_->Add(
      {.path = entry.path, .size = entry.size, .modified = entry.modified, .crc32c = crc_.value()});
  ++file_count_;
  bytes_ += entry.size;
}

}  // namespace holdfast::restore
