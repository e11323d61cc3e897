#include "restore/archive_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/error.h"
#include "restore/destination.h"

namespace holdfast::restore {

namespace {

constexpr int kGzipLevel = 6;
constexpr int kZstdLevel = 3;

void Configure(archive* handle, ExportFormat format) {
  if (format == ExportFormat::k7z) {
    archive_write_set_format_7zip(handle);
    return;
  }
  archive_write_set_format_pax_restricted(handle);
  if (format == ExportFormat::kTarGz) {
    archive_write_add_filter_gzip(handle);
    archive_write_set_filter_option(handle, "gzip", "compression-level",
                                    std::to_string(kGzipLevel).c_str());
    // Otherwise the moment of the export is in it.
    archive_write_set_filter_option(handle, "gzip", "timestamp", nullptr);
  } else if (format == ExportFormat::kTarZst) {
    archive_write_add_filter_zstd(handle);
    archive_write_set_filter_option(handle, "zstd", "compression-level",
                                    std::to_string(kZstdLevel).c_str());
    // Where the library can: it compresses beside the thread that writes.
    archive_write_set_filter_option(handle, "zstd", "threads", "2");
  }
}

// The library would put another character in its place and say nothing.
void CheckName(ExportFormat format, const std::string& path) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (format != ExportFormat::k7z || std::ranges::all_of(path, is_ascii)) return;
  throw base::Error(base::ErrorKind::kUsage,
                    fmt::format("a 7z cannot hold {}, as its name is not ASCII", path),
                    {"export it as tar.zst, or encrypted: a tar is in it then"});
}

std::string NameOf(const ArchiveEntry& entry) {
  if (entry.path.empty()) return "./";
  return entry.directory ? entry.path + "/" : entry.path;
}

// The library asks the environment where to put temporary files. Restored at the end.
class TemporaryFilesIn {
 public:
  explicit TemporaryFilesIn(const base::Path& folder) {
    if (const char* before = ::getenv(kVariable)) before_ = before;
    ::setenv(kVariable, folder.c_str(), 1);
  }
  ~TemporaryFilesIn() {
    if (before_) {
      ::setenv(kVariable, before_->c_str(), 1);
    } else {
      ::unsetenv(kVariable);
    }
  }
  TemporaryFilesIn(const TemporaryFilesIn&) = delete;
  TemporaryFilesIn& operator=(const TemporaryFilesIn&) = delete;

 private:
  static constexpr const char* kVariable = "TMPDIR";
  std::optional<std::string> before_;
};

}  // namespace

ArchiveWriter::ArchiveWriter(ExportFormat format, base::Path scratch, Output output)
    : format_(format),
      scratch_(std::move(scratch)),
      output_(std::move(output)),
      archive_(archive_write_new(), archive_write_free) {
  Configure(archive_.get(), format);
  archive_write_set_bytes_in_last_block(archive_.get(), 1);
  Check(archive_write_open(archive_.get(), this, nullptr, &ArchiveWriter::Take, nullptr),
        "cannot begin the archive");
}

ArchiveWriter::~ArchiveWriter() {
  // Closing would write an end: what was cut short must not look whole.
  archive_write_fail(archive_.get());
}

void ArchiveWriter::Begin(const ArchiveEntry& entry) {
  if (format_ == ExportFormat::k7z && entry.path.empty()) return;  // it has no name for that
  CheckName(format_, entry.path);
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> header(archive_entry_new(),
                                                                        archive_entry_free);
  archive_entry_set_pathname(header.get(), NameOf(entry).c_str());
  archive_entry_set_filetype(header.get(), entry.directory ? AE_IFDIR : AE_IFREG);
  archive_entry_set_perm(header.get(), static_cast<mode_t>(entry.mode));
  archive_entry_set_uid(header.get(), entry.uid);
  archive_entry_set_gid(header.get(), entry.gid);
  archive_entry_set_size(header.get(), static_cast<std::int64_t>(entry.size));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(entry.modified);
  archive_entry_set_mtime(header.get(), static_cast<time_t>(seconds.time_since_epoch().count()),
                          static_cast<long>((entry.modified - seconds).count() * 1000));
  const int result = archive_write_header(archive_.get(), header.get());
  // A name that is not ASCII goes into a tar as the bytes it has, and the library says so.
  const bool as_bytes = result == ARCHIVE_WARN && format_ != ExportFormat::k7z;
  Check(as_bytes ? ARCHIVE_OK : result, fmt::format("cannot put {} into the archive", entry.path));
}

void ArchiveWriter::Write(base::ByteView bytes) {
  // Before other threads are started it has made its temporary file: the first file is written by
  // whoever made the writer.
  std::optional<TemporaryFilesIn> temporary;
  if (format_ == ExportFormat::k7z && !gathering_) temporary.emplace(scratch_);
  gathering_ = true;
  while (!bytes.empty()) {
    const auto count = archive_write_data(archive_.get(), bytes.data(), bytes.size());
    if (count <= 0) Check(ARCHIVE_FATAL, "cannot write the archive");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void ArchiveWriter::Finish() {
  Check(archive_write_close(archive_.get()), "cannot finish the archive");
}

std::int64_t ArchiveWriter::Take(archive* handle, void* self, const void* data, std::size_t size) {
  auto& writer = *static_cast<ArchiveWriter*>(self);
  try {
    writer.output_({static_cast<const std::uint8_t*>(data), size});
    return static_cast<std::int64_t>(size);
  } catch (...) {
    // The library is C: the exception goes around it.
    writer.failure_ = std::current_exception();
    archive_set_error(handle, EIO, "its output failed");
    return -1;
  }
}

void ArchiveWriter::Check(int result, const std::string& what) {
  if (failure_) std::rethrow_exception(failure_);
  if (result == ARCHIVE_OK) return;
  const char* why = archive_error_string(archive_.get());
  const std::string message =
      fmt::format("{}: {}", what, why != nullptr ? why : "the library does not say why");
  // Its output has thrown above, so it is the file in which it gathers a 7z.
  if (archive_errno(archive_.get()) == ENOSPC)
    throw DestinationError(base::SystemError(ENOSPC, what));
  throw DestinationError(base::Error(base::ErrorKind::kUnavailable, message));
}

}  // namespace holdfast::restore
