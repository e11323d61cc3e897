// Files into one archive, one after the other: tar (pax where it must be) or 7z.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "restore/export_format.h"

struct archive;

namespace holdfast::restore {

// A file or directory as the archive records it.
struct ArchiveEntry {
  std::string path;  // relative; empty: the directory that is exported itself
  bool directory = false;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  base::Time modified{};
};

// One thread at a time. The archive is complete once Finish has returned.
class ArchiveWriter {
 public:
  // Takes the archive's bytes, in order; what it throws comes out of the calls below.
  using Output = std::function<void(base::ByteView)>;

  // `scratch`: a folder in which 7z gathers the compressed bytes (in a file without a name), as it
  // puts its index in front.
  ArchiveWriter(ExportFormat format, base::Path scratch, Output output);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // Begins an entry; its content follows, all of `size`.
  void Begin(const ArchiveEntry& entry);
  void Write(base::ByteView bytes);
  void Finish();

 private:
  static std::int64_t Take(archive* handle, void* self, const void* data, std::size_t size);
  void Check(int result, const std::string& what);

  const ExportFormat format_;
  const base::Path scratch_;
  Output output_;
  std::exception_ptr failure_;
  std::unique_ptr<archive, int (*)(archive*)> archive_;
  bool gathering_ = false;
};

}  // namespace holdfast::restore
