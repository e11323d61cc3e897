// Gathers pages and small files into frames, and delivers each file once the packs that hold it are
// put.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backup/copy_job.h"
#include "repo/content_store.h"
#include "repo/file_digest.h"
#include "repo/writer.h"

namespace holdfast::backup {

// One per worker; not thread-safe.
//
// Pages of any files fill frames of 16; small files share frames of 128 KiB. A page's place is
// known before its frame is full (DataWriter::NextFrame), as long as nothing else is appended
// meanwhile: hence a begun page frame goes out before any frame of bytes. What a file's maps and
// extents name is provisional until the pack is put, so files wait here until then.
class ContentBuffer {
 public:
  explicit ContentBuffer(repo::Writer& writer);

  repo::PagePlace AddPage(base::ByteView page, std::uint64_t hash);
  // A map of places from AddPage and of the parent's.
  void AddPart(std::shared_ptr<FileJob> job, std::size_t part, repo::PageMap map,
               std::uint64_t bytes);

  // A whole file of at most one frame.
  void AddSmallFile(std::shared_ptr<FileJob> job, base::ByteView content,
                    const repo::ContentDigest& digest);
  // A piece of a larger file: at most one frame.
  repo::Extent AddPiece(base::ByteView piece);
  void AddLargeFile(std::shared_ptr<FileJob> job, std::uint64_t size,
                    std::vector<repo::Extent> extents, const repo::ContentDigest& digest);

  // Puts everything and delivers every file that waits.
  void Finish();

 private:
  struct WaitingPart {
    std::shared_ptr<FileJob> job;
    std::size_t part;
    repo::PageMap map;
    std::uint64_t bytes;
  };
  struct WaitingFile {
    std::shared_ptr<FileJob> job;
    std::uint64_t size;
    std::vector<repo::Extent> extents;
    repo::ContentDigest digest;
  };

  void FlushPages();
  void FlushBundle();
  repo::FrameRef AppendBytes(base::ByteView bytes);
  // Delivers what waited for packs that are put by now.
  void Release();
  void HoldBack();

  repo::Writer& writer_;
  repo::DataWriter data_;
  base::Bytes page_frame_;
  std::vector<std::uint64_t> page_hashes_;
  base::Bytes bundle_;
  std::vector<WaitingFile>
      bundled_;  // their one extent lacks its frame until the bundle is appended
  std::vector<WaitingPart> waiting_parts_;
  std::vector<WaitingFile> waiting_files_;
  std::uint64_t waiting_bytes_ = 0;  // memory of waiting maps, roughly
  repo::PackId pack_;                // the pack being built when Release last looked
};

}  // namespace holdfast::backup
