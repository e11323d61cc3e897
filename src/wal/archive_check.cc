#include "wal/archive_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "base/error.h"
#include "pg/timeline_history.h"
#include "pg/wal_segment.h"
#include "repo/blob.h"
#include "wal/object_names.h"
#include "wal/segment_check.h"
#include "wal/summary.h"

namespace holdfast::wal {

namespace {

constexpr std::string_view kFiles = "wal/";
constexpr std::string_view kTails = "wal-tail/";
constexpr std::string_view kSummaries = "wal-summary/";
constexpr std::array kFolders = {kFiles, kTails, kSummaries};
constexpr std::string_view kDigestPurpose = "wal";

[[noreturn]] void ThrowCorrupt(std::string why) {
  throw base::Error(base::ErrorKind::kCorrupt, std::move(why));
}

// Objects that hold one line of text, which their name tells too.
struct Record {
  std::string text;
};

struct Parsed {
  std::string source;
  pg::SystemIdentifier system;
  std::variant<ArchivedFile, Tail, SummarisedSegment, Record> what;
};

using What = decltype(Parsed::what);

// The one of kFolders that a name lies in; empty when none.
std::string_view FolderOf(std::string_view name) {
  const auto* const folder = std::ranges::find_if(
      kFolders, [&](std::string_view prefix) { return name.starts_with(prefix); });
  return folder == kFolders.end() ? std::string_view() : *folder;
}

template <typename Found>
std::optional<What> Wrap(std::optional<Found> found) {
  if (!found) return std::nullopt;
  return What(std::move(*found));
}

std::optional<What> ParseRest(std::string_view rest, std::string_view folder) {
  if (folder == kTails) return Wrap(ParseTailObject(rest));
  if (folder == kSummaries) return Wrap(ParseSummaryObject(rest));
  if (const auto record = ParseTimelineRecord(rest)) {
    return What(Record{fmt::format("{}\n", record->timeline.value())});
  }
  if (const auto size = ParseSegmentSize(rest)) {
    return What(Record{fmt::format("{}\n", size->bytes())});
  }
  return Wrap(ParseFileObject(rest));
}

std::optional<Parsed> Parse(std::string_view name) {
  const std::string_view folder = FolderOf(name);
  if (folder.empty()) return std::nullopt;
  name.remove_prefix(folder.size());
  const std::size_t source_end = name.find('/');
  if (source_end == std::string_view::npos) return std::nullopt;
  const std::size_t system_end = name.find('/', source_end + 1);
  if (system_end == std::string_view::npos) return std::nullopt;
  const auto system = ParseSystemFolder(name.substr(source_end + 1, system_end - source_end - 1));
  auto what = ParseRest(name.substr(system_end + 1), folder);
  if (!system || !what) return std::nullopt;
  return Parsed{.source = std::string(name.substr(0, source_end)),
                .system = *system,
                .what = std::move(*what)};
}

void CheckRecord(const Record& record, base::ByteView contents) {
  if (base::AsText(contents) == record.text) return;
  ThrowCorrupt("its text is not the one that belongs to its name");
}

void CheckDigest(const repo::Keyring& keyring, base::ByteView raw, std::string_view digest) {
  if (base::ToHex(keyring.ContentDigest(kDigestPurpose, raw)) == digest) return;
  ThrowCorrupt("it holds another content than its name says");
}

void CheckSystem(const SegmentHeader& header, pg::SystemIdentifier system) {
  if (header.system == system) return;
  ThrowCorrupt(fmt::format("it holds WAL of the cluster {}", header.system.value()));
}

// What an archive makes sure of when it takes a file or a tail in.
struct ContentCheck {
  const repo::Keyring& keyring;
  std::string_view object_name;
  pg::SystemIdentifier system;
  base::ByteView stored;

  void operator()(const Record& record) const { CheckRecord(record, stored); }

  void operator()(const ArchivedFile& file) const {
    const base::Bytes raw = repo::OpenBlob(keyring, object_name, stored);
    CheckDigest(keyring, raw, file.digest);
    const std::optional<pg::WalFileKind> kind = pg::WalFileKindOf(file.file_name);
    if (kind == pg::WalFileKind::kSegment || kind == pg::WalFileKind::kPartial) {
      CheckSystem(CheckSegment(raw, file.file_name), system);
    } else if (kind == pg::WalFileKind::kHistory) {
      (void)pg::TimelineHistory::Parse(file.timeline, base::AsText(raw));
    }
  }

  void operator()(const Tail& tail) const {
    const base::Bytes raw = repo::OpenBlob(keyring, object_name, stored);
    CheckDigest(keyring, raw, tail.digest);
    if (raw.size() != tail.end - tail.start) {
      ThrowCorrupt(
          fmt::format("it holds {} bytes instead of {}", raw.size(), tail.end - tail.start));
    }
    CheckSystem(CheckSegmentStart(raw, tail.segment_name), system);
  }

  void operator()(const SummarisedSegment&) const {
    (void)DecodeSummary(repo::OpenBlob(keyring, object_name, stored));
  }
};

template <typename Check>
std::optional<std::string> ProblemFoundBy(Check&& check) {
  try {
    check();
    return std::nullopt;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    return error.message();
  }
}

}  // namespace

bool IsInWalArchive(std::string_view object_name) { return !FolderOf(object_name).empty(); }

std::optional<WalObjectName> ParseWalObjectName(std::string_view object_name) {
  std::optional<Parsed> parsed = Parse(object_name);
  if (!parsed) return std::nullopt;
  const bool is_file = std::holds_alternative<ArchivedFile>(parsed->what);
  return WalObjectName{
      .source = std::move(parsed->source),
      .system = parsed->system,
      .file = std::string(is_file ? object_name.substr(0, object_name.rfind('.')) : "")};
}

std::optional<std::string> CheckWalBytes(std::string_view object_name, base::ByteView contents) {
  const std::optional<Parsed> parsed = Parse(object_name);
  if (!parsed) return std::nullopt;
  if (const auto* record = std::get_if<Record>(&parsed->what)) {
    return ProblemFoundBy([&] { CheckRecord(*record, contents); });
  }
  if (repo::BlobChecksumMatches(contents)) return std::nullopt;
  return "it was altered or cut: its checksum does not match";
}

std::optional<std::string> CheckWalObject(const repo::Keyring& keyring,
                                          std::string_view object_name, base::ByteView contents) {
  const std::optional<Parsed> parsed = Parse(object_name);
  if (!parsed) return std::nullopt;
  const ContentCheck check{
      .keyring = keyring, .object_name = object_name, .system = parsed->system, .stored = contents};
  return ProblemFoundBy([&] { std::visit(check, parsed->what); });
}

}  // namespace holdfast::wal
