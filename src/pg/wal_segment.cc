#include "pg/wal_segment.h"

#include <fmt/format.h>

#include <bit>

#include "base/error.h"
#include "pg/digits.h"

namespace holdfast::pg {

namespace {

constexpr std::size_t kDigits = 8;
constexpr std::size_t kSegmentNameLength = 3 * kDigits;
constexpr std::uint64_t kLogBytes = 4 * base::kGiB;

std::uint64_t SegmentsPerLog(SegmentSize size) { return kLogBytes / size.bytes(); }

// The parts of a name that need no segment size to be told apart.
struct NameParts {
  WalFileKind kind = WalFileKind::kSegment;
  TimelineId timeline;
  std::uint32_t log = 0;
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
};

std::optional<WalFileKind> KindOfSuffix(std::string_view suffix) {
  if (suffix.empty()) return WalFileKind::kSegment;
  if (suffix == ".partial") return WalFileKind::kPartial;
  const bool backup =
      suffix.size() == 1 + kDigits + 7 && suffix.starts_with('.') && suffix.ends_with(".backup");
  return backup ? std::optional(WalFileKind::kBackupHistory) : std::nullopt;
}

std::optional<NameParts> SplitSegmentName(std::string_view name) {
  if (name.size() < kSegmentNameLength) return std::nullopt;
  const auto suffix = name.substr(kSegmentNameLength);
  const auto kind = KindOfSuffix(suffix);
  const auto timeline = ParseUpperHex(name.substr(0, kDigits));
  const auto log = ParseUpperHex(name.substr(kDigits, kDigits));
  const auto segment = ParseUpperHex(name.substr(2 * kDigits, kDigits));
  const auto offset = kind == WalFileKind::kBackupHistory ? ParseUpperHex(suffix.substr(1, kDigits))
                                                          : std::optional(std::uint32_t{0});
  if (!kind || !timeline || *timeline == 0 || !log || !segment || !offset) return std::nullopt;
  return NameParts{*kind, TimelineId(*timeline), *log, *segment, *offset};
}

std::optional<NameParts> SplitHistoryName(std::string_view name) {
  if (name.size() != kDigits + 8 || !name.ends_with(".history")) return std::nullopt;
  const auto timeline = ParseUpperHex(name.substr(0, kDigits));
  if (!timeline || *timeline == 0) return std::nullopt;
  return NameParts{.kind = WalFileKind::kHistory, .timeline = TimelineId(*timeline)};
}

std::optional<NameParts> Split(std::string_view name) {
  const auto history = SplitHistoryName(name);
  return history ? history : SplitSegmentName(name);
}

}  // namespace

SegmentSize SegmentSize::FromBytes(std::uint64_t bytes) {
  if (!std::has_single_bit(bytes) || bytes < base::kMiB || bytes > base::kGiB) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} bytes is not a size a WAL segment can have", bytes));
  }
  SegmentSize size;
  size.bytes_ = bytes;
  return size;
}

Lsn SegmentStart(SegmentNumber segment, SegmentSize size) {
  return Lsn(segment.value() * size.bytes());
}

Lsn SegmentEnd(SegmentNumber segment, SegmentSize size) {
  return SegmentStart(segment, size) + size.bytes();
}

std::uint64_t OffsetInSegment(Lsn lsn, SegmentSize size) {
  return lsn.value() & (size.bytes() - 1);
}

SegmentNumber SegmentOfByteAt(Lsn lsn, SegmentSize size) {
  return SegmentNumber(lsn.value() / size.bytes());
}

SegmentNumber SegmentOfByteBefore(Lsn lsn, SegmentSize size) {
  return lsn.IsValid() ? SegmentOfByteAt(lsn - 1, size) : SegmentNumber(0);
}

SegmentNumber NextSegment(SegmentNumber segment) { return SegmentNumber(segment.value() + 1); }

std::string FormatSegmentName(TimelineId timeline, SegmentNumber segment, SegmentSize size) {
  return fmt::format("{:08X}{:08X}{:08X}", timeline.value(), segment.value() / SegmentsPerLog(size),
                     segment.value() % SegmentsPerLog(size));
}

std::string FormatHistoryName(TimelineId timeline) {
  return fmt::format("{:08X}.history", timeline.value());
}

std::optional<WalFileName> ParseWalFileName(std::string_view name, SegmentSize size) {
  const auto parts = Split(name);
  if (!parts) return std::nullopt;
  if (parts->segment >= SegmentsPerLog(size) || parts->offset >= size.bytes()) return std::nullopt;
  const SegmentNumber segment(parts->log * SegmentsPerLog(size) + parts->segment);
  const bool backup = parts->kind == WalFileKind::kBackupHistory;
  return WalFileName{.kind = parts->kind,
                     .timeline = parts->timeline,
                     .segment = segment,
                     .backup_start = backup ? SegmentStart(segment, size) + parts->offset : Lsn()};
}

std::optional<WalFileKind> WalFileKindOf(std::string_view name) {
  const auto parts = Split(name);
  return parts ? std::optional(parts->kind) : std::nullopt;
}

}  // namespace holdfast::pg
