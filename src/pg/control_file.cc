#include "pg/control_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "base/error.h"
#include "pg/crc32c.h"
#include "pg/time.h"

namespace holdfast::pg {

namespace {

constexpr std::string_view kWhat = "pg_control";
constexpr std::array<std::uint32_t, 2> kFormatsTo17 = {1300, 1700};
constexpr std::uint32_t kFormatOf18 = 1800;
constexpr double kFloatMark = 1234567.0;

[[noreturn]] void ThrowCorrupt(std::string_view problem) {
  throw base::Error(base::ErrorKind::kCorrupt, fmt::format("pg_control {}", problem));
}

std::optional<std::size_t> CrcOffsetOf(std::uint32_t format) {
  if (std::ranges::count(kFormatsTo17, format) != 0) return 288;
  if (format == kFormatOf18) return 292;
  return std::nullopt;
}

std::size_t CrcOffset(std::uint32_t format) {
  if (const auto offset = CrcOffsetOf(format)) return *offset;
  if (CrcOffsetOf(__builtin_bswap32(format))) {
    ThrowCorrupt("was written on a machine of the other byte order");
  }
  throw base::Error(base::ErrorKind::kUsage,
                    fmt::format("pg_control has format {}, which is not supported", format),
                    {fmt::format("supported are PostgreSQL {} to {}", MajorVersion::kOldest,
                                 MajorVersion::kNewest)});
}

void CheckCrc(base::ByteView bytes, std::uint32_t format) {
  const std::size_t offset = CrcOffset(format);
  if (bytes.size() < offset + sizeof(std::uint32_t)) ThrowCorrupt("is too short");
  base::ByteReader stored(bytes.subspan(offset), kWhat);
  if (stored.U32() != Crc32cOf(bytes.first(offset))) ThrowCorrupt("fails its checksum");
}

MajorVersion VersionFrom(std::uint32_t catalog_version) {
  const auto version = VersionOfCatalog(catalog_version);
  if (version) return *version;
  throw base::Error(base::ErrorKind::kUsage,
                    fmt::format("pg_control has catalog version {}, which no supported release has",
                                catalog_version),
                    {"development versions and forks of PostgreSQL are not supported"});
}

ClusterState ToClusterState(std::uint32_t value) {
  if (value > static_cast<std::uint32_t>(ClusterState::kInProduction)) {
    ThrowCorrupt(fmt::format("has an unknown cluster state {}", value));
  }
  return static_cast<ClusterState>(value);
}

WalLevel ToWalLevel(std::uint32_t value) {
  if (value > static_cast<std::uint32_t>(WalLevel::kLogical)) {
    ThrowCorrupt(fmt::format("has an unknown WAL level {}", value));
  }
  return static_cast<WalLevel>(value);
}

// A C bool and the padding up to the next 4-byte field.
bool PaddedBool(base::ByteReader& in) { return (in.U32() & 0xFF) != 0; }

void ReadRecovery(base::ByteReader& in, ControlFile& file) {
  in.Raw(8);  // LSN counter of unlogged relations
  file.min_recovery_point = Lsn(in.U64());
  file.min_recovery_timeline = TimelineId(in.U32());
  in.Raw(4);  // padding
  file.backup_start = Lsn(in.U64());
  file.backup_end = Lsn(in.U64());
  file.backup_end_required = PaddedBool(in);
}

void ReadSettings(base::ByteReader& in, ControlSettings& settings) {
  settings.wal_level = ToWalLevel(in.U32());
  settings.wal_log_hints = PaddedBool(in);
  settings.max_connections = in.U32();
  settings.max_worker_processes = in.U32();
  settings.max_wal_senders = in.U32();
  settings.max_prepared_transactions = in.U32();
  settings.max_locks_per_transaction = in.U32();
  settings.track_commit_timestamp = PaddedBool(in);
}

void ReadArchitecture(base::ByteReader& in, ControlFile& file) {
  const std::uint32_t max_align = in.U32();
  const auto float_mark = std::bit_cast<double>(in.U64());
  if (max_align != 8 || float_mark != kFloatMark) {
    ThrowCorrupt("was written on a machine of another architecture");
  }
  file.page_size = in.U32();
  file.blocks_per_segment = in.U32();
  if (file.blocks_per_segment == 0) ThrowCorrupt("has no blocks per segment");
  file.wal_page_size = in.U32();
  file.segment_size = SegmentSize::FromBytes(in.U32());
  in.Raw(20);  // name length, index keys, TOAST and large object chunks, float8 by value
  file.data_checksum_version = in.U32();
}

}  // namespace

std::string_view ClusterStateName(ClusterState state) {
  constexpr std::array<std::string_view, 7> kNames = {
      "starting up",       "shut down",           "shut down in recovery", "shutting down",
      "in crash recovery", "in archive recovery", "in production"};
  return kNames.at(static_cast<std::size_t>(state));
}

ControlFile ParseControlFile(base::ByteView bytes) {
  base::ByteReader in(bytes, kWhat);
  const SystemIdentifier system_identifier(in.U64());
  CheckCrc(bytes, in.U32());
  ControlFile file{.version = VersionFrom(in.U32()), .system_identifier = system_identifier};
  file.state = ToClusterState(in.U32());
  in.Raw(4);  // padding
  file.time = FromUnixSeconds(static_cast<std::int64_t>(in.U64()));
  file.checkpoint_lsn = Lsn(in.U64());
  file.checkpoint = ReadCheckpoint(in);
  ReadRecovery(in, file);
  ReadSettings(in, file.settings);
  ReadArchitecture(in, file);
  return file;
}

}  // namespace holdfast::pg
