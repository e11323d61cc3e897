// Reading a cluster's files through ordinary connections, by the server's own file functions.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "pg/big_endian.h"
#include "pg/cluster_listing.h"
#include "pg/cluster_reader.h"
#include "pg/local_cluster.h"
#include "pg/quote.h"
#include "pg/tablespaces.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;

// One read(2) of the server, and short enough not to hold its horizon back.
constexpr std::size_t kPiece = 1 * base::kMiB;
// Folders asked for at once.
constexpr std::size_t kFoldersAtOnce = 64;
// A symbolic link that leads back up would have no end.
constexpr std::ptrdiff_t kMaxDepth = 32;

Connection OpenProven(const ConnectOptions& options, const PostmasterProof& proof) {
  Connection connection = Connection::Open(options);
  ProveSamePostmaster(connection, proof);
  return connection;
}

template <typename Work>
auto HintingAtGrants(Work&& work) {
  try {
    return work();
  } catch (SqlError& error) {
    if (error.kind() == ErrorKind::kDenied) {
      error.AddHint("if the role lacks a grant, holdfast check prints the statements");
    }
    throw;
  }
}

// The server would let a superuser read anything.
void RequireBelowDataDirectory(std::string_view path) {
  const base::Path parts(path);
  if (path.empty() || parts.is_absolute() || std::ranges::find(parts, "..") != parts.end()) {
    throw base::Error(ErrorKind::kInternal,
                      fmt::format("{} is no path below the data directory", path));
  }
}

// '{1,2}'::bigint[]
template <typename Number>
std::string NumberArray(std::span<const FileRange> ranges, Number&& number) {
  std::string array;
  for (const FileRange& range : ranges) {
    if (!array.empty()) array += ',';
    array += std::to_string(number(range));
  }
  return fmt::format("'{{{}}}'::bigint[]", array);
}

std::string RangesQuery(std::string_view path, std::span<const FileRange> ranges) {
  return fmt::format(
      "SELECT r.number, pg_read_binary_file({}, r.start, r.length, true) "
      "FROM unnest({}, {}) WITH ORDINALITY AS r(start, length, number)",
      QuoteLiteral(path), NumberArray(ranges, [](const FileRange& range) { return range.offset; }),
      NumberArray(ranges, [](const FileRange& range) { return range.out.size(); }));
}

std::int64_t LoadInt64(const std::optional<base::ByteView>& field) {
  if (!field || field->size() != sizeof(std::int64_t)) {
    throw base::Error(ErrorKind::kCorrupt, "the server described a file in an unknown form");
  }
  return static_cast<std::int64_t>(LoadBigEndian<std::uint64_t>(*field));
}

// One COPY, of kPiece at most.
std::vector<std::optional<std::size_t>> CopyRanges(Connection& connection, std::string_view path,
                                                   std::span<const FileRange> ranges) {
  std::vector<std::optional<std::size_t>> sizes;
  connection.CopyBinary(
      RangesQuery(path, ranges), [&](std::span<const std::optional<base::ByteView>> fields) {
        const bool expected = fields.size() == 2 && sizes.size() < ranges.size() &&
                              LoadInt64(fields[0]) == static_cast<std::int64_t>(sizes.size()) + 1;
        const std::optional<base::ByteView> bytes = expected ? fields[1] : std::nullopt;
        if (!expected || (bytes && bytes->size() > ranges[sizes.size()].out.size())) {
          throw base::Error(
              ErrorKind::kCorrupt,
              fmt::format("the server sent something of {} that it was not asked for", path));
        }
        if (bytes && !bytes->empty()) {
          std::memcpy(ranges[sizes.size()].out.data(), bytes->data(), bytes->size());
        }
        sizes.push_back(bytes ? std::optional(bytes->size()) : std::nullopt);
      });
  if (sizes.size() != ranges.size()) {
    throw base::Error(ErrorKind::kCorrupt,
                      fmt::format("the server sent {} pieces of {} instead of {}", sizes.size(),
                                  path, ranges.size()));
  }
  return sizes;
}

std::optional<std::size_t> ReadThrough(Connection& connection, std::string_view path,
                                       std::uint64_t offset, base::MutableByteView out) {
  RequireBelowDataDirectory(path);
  return HintingAtGrants([&]() -> std::optional<std::size_t> {
    std::size_t done = 0;
    do {
      const FileRange piece{.offset = offset + done,
                            .out = out.subspan(done, std::min(kPiece, out.size() - done))};
      const auto size = CopyRanges(connection, path, {&piece, 1}).front();
      if (!size) return std::nullopt;
      done += *size;
      if (*size < piece.out.size()) break;
    } while (done < out.size());
    return done;
  });
}

class SqlFileReader final : public FileReader {
 public:
  explicit SqlFileReader(Connection connection) : connection_(std::move(connection)) {}
  std::optional<std::size_t> ReadAt(std::string_view path, std::uint64_t offset,
                                    base::MutableByteView out) override {
    return ReadThrough(connection_, path, offset, out);
  }

  std::vector<std::optional<std::size_t>> ReadRanges(std::string_view path,
                                                     std::span<const FileRange> ranges) override {
    RequireBelowDataDirectory(path);
    std::vector<std::optional<std::size_t>> sizes;
    while (sizes.size() < ranges.size()) {
      const auto rest = ranges.subspan(sizes.size());
      const std::size_t count = CountForOneCopy(rest);
      if (count == 0) {
        sizes.push_back(ReadAt(path, rest.front().offset, rest.front().out));
        continue;
      }
      const auto some =
          HintingAtGrants([&] { return CopyRanges(connection_, path, rest.first(count)); });
      sizes.insert(sizes.end(), some.begin(), some.end());
    }
    return sizes;
  }

 private:
  // 0: the first is too large already.
  static std::size_t CountForOneCopy(std::span<const FileRange> ranges) {
    std::size_t count = 0;
    std::size_t bytes = 0;
    while (count < ranges.size() && bytes + ranges[count].out.size() <= kPiece) {
      bytes += ranges[count++].out.size();
    }
    return count;
  }

  Connection connection_;
};

// '{"a","b"}'::text[]
std::string ArrayLiteral(std::span<const std::string> texts) {
  std::string array = "{";
  for (const std::string& text : texts) {
    if (array.size() > 1) array += ',';
    array += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return QuoteLiteral(array + "}") + "::text[]";
}

std::string Child(const std::string& folder, std::string_view name) {
  return folder == "." ? std::string(name) : fmt::format("{}/{}", folder, name);
}

// One listing, breadth first: the folders of a level are asked for together.
class SqlWalk {
 public:
  SqlWalk(Connection& connection, MajorVersion version)
      : connection_(connection), listing_(version) {}

  std::vector<ClusterEntry> Run(const std::string& data_directory) {
    const std::vector<Tablespace> tablespaces = ReadTablespaces(connection_);
    NoteInside(tablespaces, data_directory);
    level_ = {"."};
    while (!level_.empty()) {
      const std::vector<std::string> folders = std::exchange(level_, {});
      for (std::size_t i = 0; i < folders.size(); i += kFoldersAtOnce) {
        ListFolders(std::span(folders).subspan(i, std::min(kFoldersAtOnce, folders.size() - i)));
      }
    }
    for (const Tablespace& tablespace : tablespaces) RequireListed(tablespace);
    return listing_.Take();
  }

 private:
  // A tablespace inside the data directory is met twice; it is listed where the server reads it.
  void NoteInside(const std::vector<Tablespace>& tablespaces, const std::string& data_directory) {
    for (const Tablespace& tablespace : tablespaces) {
      links_.emplace(fmt::format("pg_tblspc/{}", tablespace.oid), tablespace);
      if (tablespace.in_place || data_directory.empty()) continue;
      const base::Path relative =
          base::Path(tablespace.location).lexically_relative(base::Path(data_directory));
      if (!relative.empty() && *relative.begin() != "..") inside_.insert(relative.native());
    }
  }

  void ListFolders(std::span<const std::string> folders) {
    connection_.CopyBinary(
        fmt::format("SELECT d.number, f.name, s.size, "
                    "(extract(epoch FROM s.modification) * 1000000)::bigint, s.isdir "
                    "FROM unnest({}) WITH ORDINALITY AS d(path, number), "
                    "LATERAL pg_ls_dir(d.path, true, false) AS f(name), "
                    "LATERAL pg_stat_file(d.path || '/' || f.name, true) AS s",
                    ArrayLiteral(folders)),
        [&](std::span<const std::optional<base::ByteView>> fields) {
          const auto number = static_cast<std::size_t>(LoadInt64(fields[0])) - 1;
          if (!fields[4]) return;  // vanished while it was listed
          Add(Child(folders[number], base::AsText(fields[1].value())), fields);
        });
  }

  void Add(std::string path, std::span<const std::optional<base::ByteView>> fields) {
    ClusterEntry entry;
    entry.path = std::move(path);
    entry.modified = base::Time(base::Duration(LoadInt64(fields[3])));
    if (fields[4]->size() != 1 || (*fields[4])[0] == 0) {
      entry.size = static_cast<std::uint64_t>(LoadInt64(fields[2]));
      listing_.AddFile(std::move(entry));
    } else {
      AddFolder(std::move(entry));
    }
  }

  void AddFolder(ClusterEntry entry) {
    const std::string path = entry.path;
    entry.type = ClusterEntry::Type::kDirectory;
    entry.mode = 0700;
    if (path.starts_with("pg_tblspc/") && std::ranges::count(path, '/') == 1) {
      const auto link = links_.find(path);
      if (link == links_.end()) return;  // made after the backup's start, or no tablespace
      if (!link->second.in_place) {
        entry.type = ClusterEntry::Type::kSymlink;
        entry.link_target = link->second.location;
      }
      listed_.insert(path);
    }
    if (!listing_.AddFolder(std::move(entry)) || inside_.contains(path)) return;
    if (std::ranges::count(path, '/') > kMaxDepth) {
      throw base::Error(ErrorKind::kConflict,
                        fmt::format("the data directory is nested too deeply at {}", path),
                        {"is there a symbolic link in it that leads back up?"});
    }
    level_.push_back(path);
  }

  // The catalog knows it, so either it is dropped by now or its folder cannot be reached.
  void RequireListed(const Tablespace& tablespace) {
    if (listed_.contains(fmt::format("pg_tblspc/{}", tablespace.oid))) return;
    const auto now = ReadTablespaces(connection_);
    if (std::ranges::find(now, tablespace.oid, &Tablespace::oid) == now.end()) return;
    throw base::Error(
        ErrorKind::kUnavailable,
        fmt::format("the server does not reach the folder of tablespace {}", tablespace.name));
  }

  Connection& connection_;
  ClusterListing listing_;
  std::map<std::string, Tablespace> links_;
  std::set<std::string> inside_;
  std::set<std::string> listed_;
  std::vector<std::string> level_;
};

class SqlReader final : public ClusterReader {
 public:
  SqlReader(ConnectOptions options, const BackupSession& session)
      : options_(std::move(options)), facts_(session.facts()), proof_(session.proof()) {
    // What cannot work shall fail now.
    static_cast<void>(OpenProven(options_, proof_));
  }

  std::vector<ClusterEntry> List() override {
    Connection connection = OpenProven(options_, proof_);
    const auto version =
        MajorVersion::FromServerVersionNumber(static_cast<std::uint32_t>(facts_.server_version));
    return HintingAtGrants([&] { return SqlWalk(connection, version).Run(facts_.data_directory); });
  }
  std::unique_ptr<FileReader> NewReader() override {
    return std::make_unique<SqlFileReader>(OpenProven(options_, proof_));
  }
  std::string method() const override { return "sql"; }

 private:
  const ConnectOptions options_;
  const ClusterFacts facts_;
  const PostmasterProof proof_;
};

class SqlWalDirectory final : public WalDirectory {
 public:
  explicit SqlWalDirectory(Connection connection) : connection_(std::move(connection)) {}

  std::vector<std::string> List() override {
    std::vector<std::string> names;
    HintingAtGrants([&] {
      for (Row& row : connection_.Query("SELECT pg_ls_dir('pg_wal', false, false)")) {
        names.push_back(std::move(row.at(0).value()));
      }
    });
    return WalFilesAmong(std::move(names));
  }

  std::optional<std::size_t> ReadAt(std::string_view name, std::uint64_t offset,
                                    base::MutableByteView out) override {
    if (name.find('/') != std::string_view::npos) {
      throw base::Error(ErrorKind::kInternal, fmt::format("{} is no plain file name", name));
    }
    const std::string path = fmt::format("pg_wal/{}", name);
    return ReadThrough(connection_, path, offset, out);
  }

 private:
  Connection connection_;
};

}  // namespace

std::unique_ptr<ClusterReader> OpenSqlReader(const ConnectOptions& connect,
                                             const BackupSession& session) {
  return std::make_unique<SqlReader>(connect, session);
}

std::unique_ptr<WalDirectory> OpenSqlWalDirectory(const ConnectOptions& connect) {
  return std::make_unique<SqlWalDirectory>(Connection::Open(connect));
}

std::unique_ptr<WalDirectory> OpenSqlWalDirectory(const ConnectOptions& connect,
                                                  const BackupSession& session) {
  return std::make_unique<SqlWalDirectory>(OpenProven(connect, session.proof()));
}

}  // namespace holdfast::pg
