#include "restore/file_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "pg/crc32c.h"
#include "repo/file_digest.h"
#include "restore/content_reader.h"
#include "restore/destination.h"

namespace holdfast::restore {

bool IsLoss(const base::Error& error) {
  return error.kind() == base::ErrorKind::kCorrupt || error.kind() == base::ErrorKind::kNotFound;
}

RestoredFile::RestoredFile(repo::TreeEntry entry, base::Path place, std::optional<Owner> owner,
                           Existing existing)
    : entry_(std::move(entry)),
      place_(std::move(place)),
      owner_(owner),
      existing_(existing),
      parts_(PartCount(entry_)),
      missing_(PartCount(entry_)) {}

RestoredFile::RestoredFile(repo::TreeEntry entry, base::Path place, std::optional<Owner> owner,
                           pg::RelationFile relation, const catalog::ChangedPages& changed)
    : entry_(std::move(entry)),
      place_(std::move(place)),
      owner_(owner),
      existing_(Existing::kRefresh),
      relation_(relation),
      changed_(&changed),
      parts_(PartCount(entry_)),
      missing_(PartCount(entry_)) {}

void RestoredFile::Create() {
  AtDestination([&] {
    if (existing_ == Existing::kRefresh) RemoveWhatCannotBeRefreshed();
    const int may_exist = existing_ == Existing::kRefresh ? O_NOFOLLOW : O_EXCL;
    file_ = base::File::Open(place_, O_RDWR | O_CREAT | may_exist, 0600);
    was_size_ = file_.Size();
    file_.Truncate(entry_.size);
  });
}

// A copy made of hard links, or a cluster that pg_upgrade linked, must not change with it. And a
// key of the server may be one that even its owner may only read.
void RestoredFile::RemoveWhatCannotBeRefreshed() const {
  struct stat status {};
  if (::lstat(place_.c_str(), &status) != 0) return;
  if (status.st_nlink > 1 || ::access(place_.c_str(), R_OK | W_OK) != 0) base::RemoveFile(place_);
}

void RestoredFile::WriteAt(std::uint64_t offset, base::ByteView bytes) {
  AtDestination([&] { file_.WriteAt(offset, bytes); });
  bytes_written_ += bytes.size();
}

std::uint64_t RestoredFile::WritePart(std::size_t part, const PieceSource& source,
                                      const std::stop_token& stop) {
  return base::WithContext([&] { return fmt::format("restoring {}", entry_.path); },
                           [&] {
                             const bool refresh = existing_ == Existing::kRefresh;
                             if (std::holds_alternative<repo::PagedContent>(entry_.content)) {
                               return refresh ? RefreshPages(part, source, stop)
                                              : WritePages(part, source, stop);
                             }
                             if (!refresh || !HoldsBytes(source)) WriteBytes(source);
                             return entry_.size;
                           });
}

std::uint64_t RestoredFile::WritePages(std::size_t part, const PieceSource& source,
                                       const std::stop_token& stop) {
  pg::Crc32c crc;
  std::uint64_t size = 0;
  ReadPages(source, part, {}, stop, [&](const Piece& piece) {
    crc.Extend(piece.bytes);
    size += piece.bytes.size();
    if (!piece.zero) WriteAt(piece.offset, piece.bytes);  // zeros are left sparse
  });
  parts_[part] = {.crc = crc.value(), .length = size};
  return size;
}

std::vector<LostPages> RestoredFile::SalvagePart(std::size_t part, const ReadAnywhere& read,
                                                 const std::stop_token& stop) {
  constexpr std::uint32_t kPagesAtOnce = 1024;
  const std::uint64_t begin = part * kPartBytes;
  const std::uint64_t end = std::min(entry_.size, begin + kPartBytes);
  const auto pages =
      static_cast<std::uint32_t>((end - begin + repo::kPageSize - 1) / repo::kPageSize);
  pg::Crc32c crc;
  std::vector<LostPages> lost;
  const auto write = [&](PageRange range, base::ByteView bytes) {
    crc.Extend(bytes);
    WriteAt(begin + std::uint64_t{range.first} * repo::kPageSize, bytes);
  };
  const auto lose = [&](PageRange range) {
    const std::uint64_t from = std::uint64_t{range.first} * repo::kPageSize;
    const std::uint64_t length = std::uint64_t{range.count} * repo::kPageSize;
    write(range, base::Bytes(std::min(length, end - begin - from)));
    const std::uint64_t first = begin / repo::kPageSize + range.first;
    if (!lost.empty() && lost.back().first + lost.back().count == first) {
      lost.back().count += range.count;
    } else {
      lost.push_back({.first = first, .count = range.count});
    }
  };
  const auto reads = [&](PageRange range, base::Bytes& bytes) {
    try {
      read([&](const PieceSource& source) {
        bytes.clear();
        ReadPages(source, part, range, stop, [&](const Piece& piece) {
          bytes.insert(bytes.end(), piece.bytes.begin(), piece.bytes.end());
        });
      });
      return true;
    } catch (const DestinationError&) {
      throw;
    } catch (const base::Error& error) {
      if (!IsLoss(error)) throw;
      return false;
    }
  };
  const std::function<void(PageRange)> salvage = [&](PageRange range) {
    base::Bytes bytes;
    if (reads(range, bytes)) return write(range, bytes);
    if (range.count == 1) return lose(range);
    const std::uint32_t half = range.count / 2;
    salvage({.first = range.first, .count = half});
    salvage({.first = range.first + half, .count = range.count - half});
  };
  base::Bytes none;
  // Without the map no page of the part is found.
  const bool mapped = reads({.first = 0, .count = 0}, none);
  for (std::uint32_t first = 0; first < pages; first += kPagesAtOnce) {
    const PageRange range{.first = first, .count = std::min(kPagesAtOnce, pages - first)};
    if (mapped) {
      salvage(range);
    } else {
      lose(range);
    }
  }
  parts_[part] = {.crc = crc.value(), .length = end - begin};
  return lost;
}

void RestoredFile::Abandon() {
  AtDestination([&] {
    file_.Close();
    base::RemoveFile(place_);
  });
}

std::uint64_t RestoredFile::RefreshPages(std::size_t part, const PieceSource& source,
                                         const std::stop_token& stop) {
  pg::Crc32c crc;
  std::uint64_t size = 0;
  const auto local = [&](std::uint64_t offset, base::MutableByteView out) {
    const std::optional<std::size_t> count = ReadWhatIsThere(offset, out);
    std::ranges::fill(out.subspan(count.value_or(0)), std::uint8_t{0});
    return count.has_value();
  };
  restore::RefreshPages(source, part, DoubtfulPages(part), local, stop,
                        [&](const Piece& piece, const std::vector<bool>& differ) {
                          crc.Extend(piece.bytes);
                          size += piece.bytes.size();
                          WriteDiffering(piece, differ);
                        });
  parts_[part] = {.crc = crc.value(), .length = size};
  return std::min(kPartBytes, entry_.size - std::min(entry_.size, part * kPartBytes));
}

// All, unless it is known what changed. Behind what was there nothing is known.
pg::BlockSet RestoredFile::DoubtfulPages(std::size_t part) const {
  const auto& parts = std::get<repo::PagedContent>(entry_.content).parts;
  const std::uint32_t count = parts.at(part).page_count;
  pg::BlockSet pages;
  if (changed_ == nullptr) {
    pages.AddRun(0, count);
    return pages;
  }
  const std::uint64_t first = part * kPartBytes / repo::kPageSize;
  const std::uint64_t was = was_size_ / repo::kPageSize;  // whole ones
  const std::uint64_t stored = std::min<std::uint64_t>(count, was - std::min(was, first));
  pages = changed_->ToRead(entry_.path, *relation_, static_cast<std::uint32_t>(first), count,
                           static_cast<std::uint32_t>(stored));
  // Of a page that is not whole the server keeps no account.
  if (entry_.size % repo::kPageSize != 0 && part + 1 == parts.size()) pages.Add(count - 1);
  return pages;
}

// A bad sector is no reason to end: it is written, or that fails and says so.
std::optional<std::size_t> RestoredFile::ReadWhatIsThere(std::uint64_t offset,
                                                         base::MutableByteView out) const {
  try {
    return file_.ReadAt(offset, out);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

// Neighbours together.
void RestoredFile::WriteDiffering(const Piece& piece, const std::vector<bool>& differ) {
  for (std::size_t page = 0; page < differ.size();) {
    std::size_t end = page;
    while (end < differ.size() && differ[end]) ++end;
    if (end > page) {
      const std::uint64_t from = page * repo::kPageSize;
      const std::uint64_t to = std::min<std::uint64_t>(end * repo::kPageSize, piece.bytes.size());
      WriteAt(piece.offset + from, piece.bytes.subspan(from, to - from));
    }
    page = std::max(end, page + 1);
  }
}

// What lies there already is what was backed up. Its CRC is taken then.
bool RestoredFile::HoldsBytes(const PieceSource& source) {
  repo::FileDigester digester(source.keyring);
  pg::Crc32c crc;
  base::Bytes piece(std::min<std::uint64_t>(entry_.size, base::kMiB));
  for (std::uint64_t position = 0; position < entry_.size;) {
    const std::optional<std::size_t> count = ReadWhatIsThere(position, piece);
    if (!count || *count == 0) return false;
    const base::ByteView bytes = base::ByteView(piece).first(*count);
    digester.Add(bytes);
    crc.Extend(bytes);
    position += *count;
  }
  if (entry_.size > 0 && digester.Finish() != entry_.digest) return false;
  parts_[0] = {.crc = crc.value(), .length = entry_.size};
  return true;
}

void RestoredFile::WriteBytes(const PieceSource& source) {
  pg::Crc32c crc;
  ReadBytes(source, [&](const Piece& piece) {
    crc.Extend(piece.bytes);
    WriteAt(piece.offset, piece.bytes);
  });
  parts_[0] = {.crc = crc.value(), .length = entry_.size};
}

bool RestoredFile::PartDone() { return --missing_ == 0; }

WrittenFile RestoredFile::Complete() {
  AtDestination([&] { GiveFacts(); });
  WrittenFile file{.path = entry_.path, .size = entry_.size, .modified = entry_.modified};
  if (changed_ != nullptr) return file;
  pg::Crc32cPart whole = parts_.front();
  for (std::size_t part = 1; part < parts_.size(); ++part)
    whole = pg::Crc32cCombine(whole, parts_[part]);
  file.crc32c = whole.crc;
  return file;
}

// Owner, mode and time; and all of it durable.
void RestoredFile::GiveFacts() {
  if (owner_ && ::fchown(file_.fd(), owner_->uid, owner_->gid) != 0) {
    throw base::SystemError(errno, fmt::format("cannot give {} to its owner", place_.native()));
  }
  if (::fchmod(file_.fd(), entry_.mode) != 0) {
    throw base::SystemError(errno, fmt::format("cannot set the mode of {}", place_.native()));
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(entry_.modified);
  const timespec modified{.tv_sec = static_cast<time_t>(seconds.time_since_epoch().count()),
                          .tv_nsec = static_cast<long>((entry_.modified - seconds).count() * 1000)};
  const timespec times[2] = {modified, modified};
  if (::futimens(file_.fd(), times) != 0) {
    throw base::SystemError(errno, fmt::format("cannot set the time of {}", place_.native()));
  }
  file_.Sync();
  file_.Close();
}

}  // namespace holdfast::restore
