// Writing one backup's files to their places: the worker of a restore. What goes wrong with the
// file itself is a DestinationError.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/file.h"
#include "base/reporter.h"
#include "base/synchronized.h"
#include "catalog/changed_pages.h"
#include "pg/block_set.h"
#include "pg/cluster_files.h"
#include "pg/crc32c.h"
#include "repo/frame_reader.h"
#include "repo/repository.h"
#include "repo/tree.h"
#include "restore/content_reader.h"
#include "restore/lost_pages.h"
#include "restore/owner.h"

namespace holdfast::restore {

// A file that is complete, fsynced, with what a manifest says about it.
struct WrittenFile {
  std::string path;
  std::uint64_t size = 0;
  base::Time modified;
  std::optional<std::uint32_t> crc32c = {};  // none: not all of it was read
};

enum class Existing {
  kNone,     // there is no file yet
  kRefresh,  // an in-place restore: there may be one, of which what is right stays
};

// What is stored is damaged or gone; nothing is only out of reach.
bool IsLoss(const base::Error& error);

// One regular file on its way out. Its parts may be written by several workers; the last one
// completes it.
class RestoredFile {
 public:
  RestoredFile(repo::TreeEntry entry, base::Path place, std::optional<Owner> owner,
               Existing existing = Existing::kNone);
  // To be refreshed where the pages may have changed that are not known not to have.
  RestoredFile(repo::TreeEntry entry, base::Path place, std::optional<Owner> owner,
               pg::RelationFile relation, const catalog::ChangedPages& changed);

  const repo::TreeEntry& entry() const { return entry_; }
  std::size_t part_count() const { return parts_.size(); }

  // Creates or opens the file, at its size (unwritten pages read as zeros), ready for parts in any
  // order.
  void Create();
  // Writes a part and remembers its CRC; after a failure it may be written again from another
  // source of the same file. Thread-safe for different parts. Returns the bytes of the part.
  std::uint64_t WritePart(std::size_t part, const PieceSource& source, const std::stop_token& stop);
  // For a part that WritePart failed on: page by page, zeros for what is lost, which is returned.
  // `read` runs its argument with one source after the other, as PieceReader::Read does; its
  // Error(kCorrupt) or Error(kNotFound) says that something is lost. Only of a new file.
  using ReadAnywhere = std::function<void(const std::function<void(const PieceSource&)>&)>;
  std::vector<LostPages> SalvagePart(std::size_t part, const ReadAnywhere& read,
                                     const std::stop_token& stop);
  // Takes the file away: nothing of it is known.
  void Abandon();
  // True for exactly one caller: the one who finished the last part, and who is to call Complete.
  bool PartDone();
  WrittenFile Complete();
  std::uint64_t bytes_written() const { return bytes_written_; }  // the rest was right already

 private:
  std::uint64_t WritePages(std::size_t part, const PieceSource& source,
                           const std::stop_token& stop);
  std::uint64_t RefreshPages(std::size_t part, const PieceSource& source,
                             const std::stop_token& stop);
  pg::BlockSet DoubtfulPages(std::size_t part) const;
  void WriteDiffering(const Piece& piece, const std::vector<bool>& differ);
  void WriteBytes(const PieceSource& source);
  bool HoldsBytes(const PieceSource& source);
  void RemoveWhatCannotBeRefreshed() const;
  std::optional<std::size_t> ReadWhatIsThere(std::uint64_t offset, base::MutableByteView out) const;
  void GiveFacts();
  void WriteAt(std::uint64_t offset, base::ByteView bytes);

  const repo::TreeEntry entry_;
  const base::Path place_;
  const std::optional<Owner> owner_;
  const Existing existing_;
  const std::optional<pg::RelationFile> relation_;  // with `changed_`
  const catalog::ChangedPages* changed_ = nullptr;
  base::File file_;
  std::uint64_t was_size_ = 0;  // of what was there
  std::vector<pg::Crc32cPart> parts_;
  std::atomic<std::size_t> missing_;
  std::atomic<std::uint64_t> bytes_written_ = 0;
};

}  // namespace holdfast::restore
