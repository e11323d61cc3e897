// The content of one file of a backup, in order: what a restore writes to its place and an export
// into an archive.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "base/bytes.h"
#include "pg/block_set.h"
#include "repo/frame_reader.h"
#include "repo/keyring.h"
#include "repo/page_map.h"
#include "repo/tree.h"

namespace holdfast::restore {

// What one map covers of a file.
inline constexpr std::uint64_t kPartBytes = std::uint64_t{repo::kPagesPerMap} * repo::kPageSize;

// How many parts a file has: 1 when it has no pages.
std::size_t PartCount(const repo::TreeEntry& entry);

// A piece of a file, at its place.
struct Piece {
  std::uint64_t offset = 0;
  base::ByteView bytes;
  bool zero = false;  // nothing but zeros, and nothing stored
};
using VisitPiece = std::function<void(const Piece&)>;

// Where it is read from: the file's entry in a tree, and what that points into.
struct PieceSource {
  const repo::TreeEntry& entry;
  repo::FrameReader& frames;
  const repo::Keyring& keyring;
};

// Pages of one part, numbered from its start; up to its end when there are fewer.
struct PageRange {
  std::uint32_t first = 0;
  std::uint32_t count = repo::kPagesPerMap;
};

// Error(kCorrupt) when a page is not where the map says. Thread-safe.
void ReadPages(const PieceSource& source, std::size_t part, PageRange range,
               const std::stop_token& stop, const VisitPiece& visit);

// As above, with what the restored file holds already: `local` gives the bytes from an offset on,
// zeros where there are none, and is false where they cannot be read. Of the part's pages those in
// `doubtful` are looked at, by their hashes, and those that differ read from the repository. What
// lies within 8 MiB is visited together, as it is to be; `differ` says which of its pages are not
// yet so, numbered from the piece's start. Pages that are not doubtful are neither right in a piece
// nor different.
using ReadLocal = std::function<bool(std::uint64_t offset, base::MutableByteView out)>;
using VisitRefreshed = std::function<void(const Piece&, const std::vector<bool>& differ)>;
void RefreshPages(const PieceSource& source, std::size_t part, const pg::BlockSet& doubtful,
                  const ReadLocal& local, const std::stop_token& stop, const VisitRefreshed& visit);

// A file without pages. What was visited is not to be trusted until it returns: Error(kCorrupt)
// when it was not what was backed up. More than its size is never visited. Thread-safe.
void ReadBytes(const PieceSource& source, const VisitPiece& visit);

}  // namespace holdfast::restore
