#include "backup/copy_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace holdfast::backup {

namespace {

std::size_t PartCount(const pg::ClusterEntry& entry, bool paged) {
  if (!paged) return 1;
  return std::max<std::size_t>(1, (entry.size + kPartBytes - 1) / kPartBytes);
}

}  // namespace

FileJob::FileJob(pg::ClusterEntry entry, pg::ClusterPath kind,
                 std::optional<repo::TreeEntry> parent, TreeAssembler& assembler)
    : entry_(std::move(entry)),
      kind_(kind),
      parent_(std::move(parent)),
      part_count_(PartCount(entry_, paged())),
      assembler_(assembler),
      slot_(assembler.Reserve()) {
  parts_.With([&](Parts& parts) {
    parts.results.resize(part_count_);
    parts.missing = part_count_;
  });
}

const repo::PagedContent::Part* FileJob::ParentPart(std::size_t part) const {
  if (!parent_) return nullptr;
  const auto* paged = std::get_if<repo::PagedContent>(&parent_->content);
  if (paged == nullptr || part >= paged->parts.size()) return nullptr;
  return &paged->parts[part];
}

void FileJob::Vanished() {
  if (kind_.when_missing == pg::WhenMissing::kFatal) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} vanished while the backup ran", entry_.path),
                      {"the cluster is not whole without it: look at the server's log"});
  }
  const bool first = parts_.With([](Parts& parts) { return !std::exchange(parts.vanished, true); });
  if (first) assembler_.Deliver(slot_, std::nullopt);
}

void FileJob::DeliverPart(std::size_t part, PartResult result) {
  std::optional<repo::TreeEntry> done = parts_.With([&](Parts& parts) {
    parts.results.at(part) = std::move(result);
    std::optional<repo::TreeEntry> entry;
    if (--parts.missing == 0 && !parts.vanished) entry = JoinParts(parts);
    return entry;
  });
  if (done) assembler_.Deliver(slot_, std::move(done));
}

void FileJob::DeliverWhole(std::uint64_t size, repo::Content content,
                           const std::array<std::uint8_t, 16>& digest) {
  repo::TreeEntry entry = NewEntry();
  entry.size = size;
  entry.content = std::move(content);
  entry.digest = digest;
  assembler_.Deliver(slot_, std::move(entry));
}

repo::TreeEntry FileJob::NewEntry() const {
  repo::TreeEntry entry;
  entry.path = entry_.path;
  entry.type = repo::FileType::kRegular;
  entry.mode = entry_.mode;
  entry.uid = entry_.uid;
  entry.gid = entry_.gid;
  entry.modified = entry_.modified;
  return entry;
}

repo::TreeEntry FileJob::JoinParts(Parts& parts) const {
  repo::TreeEntry entry = NewEntry();
  repo::PagedContent content;
  for (std::optional<PartResult>& result : parts.results) {
    entry.size += result->bytes;
    if (result->part.page_count > 0) content.parts.push_back(std::move(result->part));
  }
  if (content.parts.empty()) {
    entry.content = repo::InlineContent{};
  } else {
    entry.content = std::move(content);
  }
  return entry;
}

}  // namespace holdfast::backup
