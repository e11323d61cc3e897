// Reading a cluster's files from its data directory on this machine.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "pg/cluster_listing.h"
#include "pg/cluster_reader.h"
#include "pg/digits.h"
#include "pg/local_cluster.h"
#include "pg/open_beneath.h"
#include "pg/page_read.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;

// A folder's identity, however it is reached.
using Inode = std::pair<dev_t, ino_t>;

base::Error Failed(int error_number, std::string_view action, const base::Path& path) {
  return base::SystemError(error_number, fmt::format("cannot {} {}", action, path.native()));
}

std::vector<std::string> NamesIn(const base::File& folder) {
  // A descriptor of its own: closedir closes it, and the position in the folder is its own too.
  const int fd = ::openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return {};  // removed while it was open
    throw Failed(errno, "list", folder.path());
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), &::closedir);
  if (!stream) throw Failed(errno, "list", folder.path());
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw Failed(errno, "list", folder.path());
  return names;
}

std::optional<struct stat> StatChild(const base::File& folder, const std::string& name, int flags) {
  struct stat status {};
  if (::fstatat(folder.fd(), name.c_str(), &status, flags) == 0) return status;
  if (errno == ENOENT) return std::nullopt;
  throw Failed(errno, "look at", folder.path() / name);
}

std::optional<std::string> LinkTarget(const base::File& folder, const std::string& name) {
  std::array<char, 4096> buffer{};
  const ssize_t size = ::readlinkat(folder.fd(), name.c_str(), buffer.data(), buffer.size());
  if (size >= 0) return std::string(buffer.data(), static_cast<std::size_t>(size));
  if (errno == ENOENT || errno == EINVAL) return std::nullopt;  // removed or replaced meanwhile
  throw Failed(errno, "read the link", folder.path() / name);
}

ClusterEntry EntryOf(std::string path, const struct stat& status) {
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  ClusterEntry entry;
  entry.path = std::move(path);
  entry.modified = base::Time(std::chrono::floor<base::Duration>(
      seconds(status.st_mtim.tv_sec) + nanoseconds(status.st_mtim.tv_nsec)));
  entry.mode = status.st_mode & 07777U;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  return entry;
}

// One walk through a data directory.
class Walk {
 public:
  Walk(const base::File& root, MajorVersion version, const std::set<Oid>& tablespaces)
      : root_(root), listing_(version), tablespaces_(tablespaces) {}

  std::vector<ClusterEntry> Run() {
    NoteTablespaceFolders();
    Enter(root_, "");
    return listing_.Take();
  }

 private:
  // A tablespace inside the data directory is met twice; it is listed where the server reads it.
  void NoteTablespaceFolders() {
    const auto pg_tblspc = OpenChild(root_, "pg_tblspc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!pg_tblspc) return;
    for (const std::string& name : NamesIn(*pg_tblspc)) {
      if (!IsTablespace(name)) continue;
      const auto link = StatChild(*pg_tblspc, name, AT_SYMLINK_NOFOLLOW);
      if (!link || !S_ISLNK(link->st_mode)) continue;
      const auto folder = OpenTablespace(*pg_tblspc, name);
      struct stat status {};
      if (folder && ::fstat(folder->fd(), &status) == 0) {
        tablespace_folders_.emplace(status.st_dev, status.st_ino);
      }
    }
  }

  void Enter(const base::File& folder, const std::string& path) {
    for (const std::string& name : NamesIn(folder)) {
      const auto status = StatChild(folder, name, AT_SYMLINK_NOFOLLOW);
      if (!status) continue;
      std::string child = path.empty() ? name : fmt::format("{}/{}", path, name);
      if (S_ISREG(status->st_mode)) {
        AddFile(std::move(child), *status);
      } else if (S_ISDIR(status->st_mode)) {
        AddFolder(folder, name, child, *status);
      } else if (S_ISLNK(status->st_mode)) {
        AddLink(folder, name, child, *status);
      }  // sockets and pipes have no content
    }
  }

  void AddFile(std::string path, const struct stat& status) {
    ClusterEntry entry = EntryOf(std::move(path), status);
    entry.size = static_cast<std::uint64_t>(status.st_size);
    listing_.AddFile(std::move(entry));
  }

  void AddFolder(const base::File& parent, const std::string& name, const std::string& path,
                 const struct stat& status) {
    ClusterEntry entry = EntryOf(path, status);
    entry.type = ClusterEntry::Type::kDirectory;
    if (!listing_.AddFolder(std::move(entry))) return;
    if (tablespace_folders_.contains(Inode(status.st_dev, status.st_ino))) return;
    const auto folder = OpenChild(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (folder) Enter(*folder, path);
  }

  void AddLink(const base::File& parent, const std::string& name, const std::string& path,
               const struct stat& status) {
    std::optional<std::string> target = LinkTarget(parent, name);
    if (!target) return;
    ClusterEntry entry = EntryOf(path, status);
    entry.type = ClusterEntry::Type::kSymlink;
    entry.link_target = std::move(*target);
    if (path.starts_with("pg_tblspc/")) {
      // Others were made after the backup's start, which WAL brings, or are no tablespaces.
      if (IsTablespace(name)) AddTablespace(parent, name, std::move(entry));
      return;
    }
    if (IsEmptied(path)) {
      // Recreated empty, wherever it is now.
      entry.type = ClusterEntry::Type::kDirectory;
      entry.mode = 0700;
      entry.link_target.clear();
    } else if (HoldsTheServersData(path)) {
      throw base::Error(
          ErrorKind::kConflict,
          fmt::format("{} is a symbolic link, which a backup does not follow",
                      (parent.path() / name).native()),
          {"leave data_directory out: then files are read through the connection, links followed",
           "or use a tablespace to keep data elsewhere"});
    }
    static_cast<void>(listing_.AddFolder(std::move(entry)));
  }

  void AddTablespace(const base::File& parent, const std::string& name, ClusterEntry entry) {
    const auto folder = OpenTablespace(parent, name);
    if (!folder) return;  // dropped meanwhile
    const std::string path = entry.path;
    if (listing_.AddFolder(std::move(entry))) Enter(*folder, path);
  }

  bool IsTablespace(std::string_view name) const {
    const auto oid = ParseNameNumber<Oid>(name);
    return oid && tablespaces_.contains(*oid);
  }

  static bool IsEmptied(std::string_view path) {
    constexpr std::array<std::string_view, 7> kEmptied = {
        "pg_dynshmem",  "pg_notify",   "pg_replslot", "pg_serial",
        "pg_snapshots", "pg_stat_tmp", "pg_subtrans"};
    return std::ranges::count(kEmptied, path) != 0;
  }

  // At the top, settings and logs may be kept elsewhere; what starts with pg_ may not, but for
  // pg_wal, pg_hba.conf and pg_ident.conf.
  static bool HoldsTheServersData(std::string_view path) {
    if (path == "pg_wal" || path.ends_with(".conf")) return false;
    return path.find('/') != std::string_view::npos || path.starts_with("pg_") || path == "base" ||
           path == "global" || path == "PG_VERSION";
  }

  const base::File& root_;
  ClusterListing listing_;
  const std::set<Oid>& tablespaces_;
  std::set<Inode> tablespace_folders_;
};

class LocalFileReader final : public FileReader {
 public:
  explicit LocalFileReader(std::shared_ptr<const base::File> root) : root_(std::move(root)) {}

  std::optional<std::size_t> ReadAt(std::string_view path, std::uint64_t offset,
                                    base::MutableByteView out) override {
    // Only reads going forward share a descriptor: who reads a page again wants the file of now.
    if (!file_.is_open() || path != path_ || offset < next_offset_) {
      std::optional<base::File> file = OpenBeneath(*root_, path);
      if (!file) return std::nullopt;
      file_ = std::move(*file);
      path_ = path;
    }
    const std::size_t size = ReadPages(file_, offset, out);
    next_offset_ = offset + size;
    return size;
  }

 private:
  std::shared_ptr<const base::File> root_;
  base::File file_;
  std::string path_;
  std::uint64_t next_offset_ = 0;
};

class LocalReader final : public ClusterReader {
 public:
  LocalReader(base::File root, const ClusterFacts& facts)
      : root_(std::make_shared<const base::File>(std::move(root))),
        version_(MajorVersion::FromServerVersionNumber(
            static_cast<std::uint32_t>(facts.server_version))) {
    for (const Tablespace& tablespace : facts.tablespaces) tablespaces_.insert(tablespace.oid);
  }

  std::vector<ClusterEntry> List() override { return Walk(*root_, version_, tablespaces_).Run(); }
  std::unique_ptr<FileReader> NewReader() override {
    return std::make_unique<LocalFileReader>(root_);
  }
  std::string method() const override { return "local"; }

 private:
  std::shared_ptr<const base::File> root_;
  MajorVersion version_;
  std::set<Oid> tablespaces_;  // at the backup's start
};

class LocalWalDirectory final : public WalDirectory {
 public:
  explicit LocalWalDirectory(base::File folder) : folder_(std::move(folder)) {}

  std::vector<std::string> List() override { return WalFilesAmong(NamesIn(folder_)); }

  std::optional<std::size_t> ReadAt(std::string_view name, std::uint64_t offset,
                                    base::MutableByteView out) override {
    // Opened each time: a recycled segment lives on under another name.
    const std::optional<base::File> file = OpenBeneath(folder_, name);
    if (!file) return std::nullopt;
    return ReadPages(*file, offset, out);
  }

 private:
  base::File folder_;
};

base::File OpenDataDirectory(const base::Path& data_directory) {
  try {
    return base::File::Open(data_directory, O_RDONLY | O_DIRECTORY);
  } catch (base::Error& error) {
    if (error.hints().empty())
      error.AddHint(
          "data_directory is the server's own, on this machine, as SHOW data_directory tells it; "
          "left out, files are read through the connection");
    throw;
  }
}

}  // namespace

std::unique_ptr<ClusterReader> OpenLocalReader(const base::Path& data_directory,
                                               const BackupSession& session) {
  base::File root = OpenDataDirectory(data_directory);
  RequireSessionsCluster(root, session.facts(), session.proof());
  return std::make_unique<LocalReader>(std::move(root), session.facts());
}

std::unique_ptr<WalDirectory> OpenLocalWalDirectory(const base::Path& data_directory) {
  return std::make_unique<LocalWalDirectory>(
      base::File::Open(data_directory / "pg_wal", O_RDONLY | O_DIRECTORY));
}

}  // namespace holdfast::pg
