#include "wal/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <compare>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "wal/spool_chunk.h"

namespace holdfast::wal {

namespace {

constexpr std::string_view kLockName = "lock";
constexpr std::string_view kIdentityName = "identity";
constexpr std::string_view kSegmentEnding = ".wal";

struct SegmentKey {
  pg::TimelineId timeline;
  pg::SegmentNumber segment;
  friend auto operator<=>(const SegmentKey&, const SegmentKey&) = default;
};

struct Entry {
  base::File file;
  std::uint64_t file_bytes = 0;
  pg::Lsn end;
  // What the last Sync made durable.
  std::uint64_t synced_file_bytes = 0;
  pg::Lsn synced_end;
  bool IsSynced() const { return file_bytes == synced_file_bytes; }
};

base::File Lock(const base::Path& directory) {
  base::File lock = base::File::Open(directory / kLockName, O_RDWR | O_CREAT);
  if (::flock(lock.fd(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) {
    throw base::SystemError(errno, fmt::format("cannot lock {}", lock.path().native()));
  }
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("another receiver is using the spool {}", directory.native()),
      {"only one receiver can run for a source; end the other one, or let it do the work"});
}

std::optional<SpoolIdentity> ReadIdentity(const base::Path& path) {
  const std::optional<base::Bytes> text = base::ReadFileIfExists(path);
  if (!text) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(base::AsText(*text));
    return SpoolIdentity{
        .system = pg::SystemIdentifier(json.at("system_identifier").get<std::uint64_t>()),
        .segment_size =
            pg::SegmentSize::FromBytes(json.at("wal_segment_size").get<std::uint64_t>())};
  } catch (const nlohmann::json::exception& error) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} cannot be read: {}", path.native(), error.what()));
  }
}

// "cannot keep" errors name the file that is in the way.
[[noreturn]] void RefuseStranger(const base::Path& path) {
  throw base::Error(base::ErrorKind::kCorrupt,
                    fmt::format("{} is no file of a WAL spool", path.native()),
                    {"move it away: a spool directory must not be used for anything else"});
}

}  // namespace

struct Spool::State {
  base::Path directory;
  base::File lock;

  mutable std::mutex mutex;
  std::optional<SpoolIdentity> identity;
  std::map<SegmentKey, Entry> segments;
  std::set<pg::TimelineId> histories;

  pg::SegmentSize size() const {
    if (!identity) throw base::Error(base::ErrorKind::kInternal, "the spool has no identity yet");
    return identity->segment_size;
  }
  std::string NameOf(const SegmentKey& key) const {
    return pg::FormatSegmentName(key.timeline, key.segment, size());
  }
  base::Path PathOf(const SegmentKey& key) const {
    return directory / (NameOf(key) + std::string(kSegmentEnding));
  }
  base::Path HistoryPath(pg::TimelineId timeline) const {
    return directory / pg::FormatHistoryName(timeline);
  }

  void Load();
  void LoadFile(const base::Path& path);
  void LoadSegment(const SegmentKey& key, const base::Path& path);
  Entry& EntryFor(const SegmentKey& key);
  void SyncAll();
  void AppendPiece(const SegmentKey& key, pg::Lsn start, base::ByteView bytes);
};

void Spool::State::Load() {
  identity = ReadIdentity(directory / kIdentityName);
  for (const std::string& name : base::NamesIn(directory)) LoadFile(directory / name);
}

void Spool::State::LoadFile(const base::Path& path) {
  const std::string name = path.filename().native();
  if (name == kLockName || name == kIdentityName) return;
  if (name.ends_with(".tmp")) {  // of a WriteFileDurably that a crash cut short
    base::RemoveFile(path);
    return;
  }
  if (!identity) RefuseStranger(path);
  const bool is_segment = name.ends_with(kSegmentEnding);
  const std::string_view wal_name =
      std::string_view(name).substr(0, name.size() - (is_segment ? kSegmentEnding.size() : 0));
  const std::optional<pg::WalFileName> parsed = pg::ParseWalFileName(wal_name, size());
  if (is_segment && parsed && parsed->kind == pg::WalFileKind::kSegment) {
    LoadSegment({.timeline = parsed->timeline, .segment = parsed->segment}, path);
  } else if (!is_segment && parsed && parsed->kind == pg::WalFileKind::kHistory) {
    histories.insert(parsed->timeline);
  } else {
    RefuseStranger(path);
  }
}

void Spool::State::LoadSegment(const SegmentKey& key, const base::Path& path) {
  base::File file = base::File::Open(path, O_RDWR);
  const SoundChunks sound =
      ReadChunks(file, file.Size(), pg::SegmentStart(key.segment, size()), [](base::ByteView) {});
  if (sound.file_bytes == 0) {
    base::RemoveFile(path);
    return;
  }
  if (sound.file_bytes < file.Size()) file.Truncate(sound.file_bytes);
  file.Sync();
  segments.emplace(key, Entry{.file = std::move(file),
                              .file_bytes = sound.file_bytes,
                              .end = sound.end,
                              .synced_file_bytes = sound.file_bytes,
                              .synced_end = sound.end});
}

Entry& Spool::State::EntryFor(const SegmentKey& key) {
  const auto found = segments.find(key);
  if (found != segments.end()) return found->second;
  // In this order no crash can leave a segment's beginning without the end of the one before.
  SyncAll();
  base::File file = base::File::Open(PathOf(key), O_RDWR | O_CREAT | O_TRUNC);
  base::SyncDirectory(directory);
  const pg::Lsn start = pg::SegmentStart(key.segment, size());
  return segments.emplace(key, Entry{.file = std::move(file), .end = start, .synced_end = start})
      .first->second;
}

void Spool::State::AppendPiece(const SegmentKey& key, pg::Lsn start, base::ByteView bytes) {
  Entry& entry = EntryFor(key);
  if (entry.end != start) {
    throw base::Error(base::ErrorKind::kInternal,
                      fmt::format("WAL for the spool begins at {} where {} was due",
                                  pg::FormatLsn(start), pg::FormatLsn(entry.end)));
  }
  const base::Bytes chunk = EncodeChunk(start, bytes);
  try {
    entry.file.WriteAt(entry.file_bytes, chunk);
  } catch (const base::Error&) {
    entry.file.Truncate(entry.file_bytes);
    throw;
  }
  entry.file_bytes += chunk.size();
  entry.end = start + bytes.size();
}

Spool::Spool(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spool::~Spool() = default;
Spool::Spool(Spool&&) noexcept = default;

Spool Spool::Open(const base::Path& directory) {
  base::MakeDirectories(directory);
  auto state = std::make_unique<State>();
  state->directory = directory;
  state->lock = Lock(directory);
  state->Load();
  return Spool(std::move(state));
}

std::optional<SpoolIdentity> Spool::identity() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->identity;
}

void Spool::SetIdentity(const SpoolIdentity& identity) {
  const std::scoped_lock lock(state_->mutex);
  if (state_->identity == identity) return;
  if (!state_->segments.empty() || !state_->histories.empty()) {
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("the spool {} holds WAL of the cluster {} with segments of {} bytes, but the "
                    "server is the cluster {} with segments of {} bytes",
                    state_->directory.native(), state_->identity->system.value(),
                    state_->identity->segment_size.bytes(), identity.system.value(),
                    identity.segment_size.bytes()),
        {"was the server replaced? give the new cluster a source of its own, or move the spool "
         "away once its WAL is in the repository"});
  }
  const nlohmann::json json = {{"system_identifier", identity.system.value()},
                               {"wal_segment_size", identity.segment_size.bytes()}};
  base::WriteFileDurably(state_->directory / kIdentityName, base::AsBytes(json.dump() + "\n"));
  state_->identity = identity;
}

std::vector<SpooledSegment> Spool::Segments() const {
  const std::scoped_lock lock(state_->mutex);
  std::vector<SpooledSegment> segments;
  for (const auto& [key, entry] : state_->segments) {
    if (entry.synced_file_bytes == 0) continue;
    segments.push_back({.timeline = key.timeline,
                        .segment = key.segment,
                        .start = pg::SegmentStart(key.segment, state_->size()),
                        .end = entry.synced_end,
                        .whole = entry.synced_end == pg::SegmentEnd(key.segment, state_->size())});
  }
  return segments;
}

std::vector<pg::TimelineId> Spool::Histories() const {
  const std::scoped_lock lock(state_->mutex);
  return {state_->histories.begin(), state_->histories.end()};
}

std::uint64_t Spool::disk_bytes() const {
  const std::scoped_lock lock(state_->mutex);
  std::uint64_t bytes = 0;
  for (const auto& [key, entry] : state_->segments) bytes += entry.file_bytes;
  return bytes;
}

void Spool::Append(pg::TimelineId timeline, pg::Lsn start, base::ByteView bytes) {
  const std::scoped_lock lock(state_->mutex);
  while (!bytes.empty()) {
    const pg::SegmentNumber segment = pg::SegmentOfByteAt(start, state_->size());
    const std::uint64_t room = pg::SegmentEnd(segment, state_->size()) - start;
    const auto count = std::min<std::uint64_t>({bytes.size(), room, kMaxChunkBytes});
    state_->AppendPiece({.timeline = timeline, .segment = segment}, start, bytes.first(count));
    start = start + count;
    bytes = bytes.subspan(count);
  }
}

void Spool::Sync() {
  const std::scoped_lock lock(state_->mutex);
  state_->SyncAll();
}

void Spool::State::SyncAll() {
  for (auto& [key, entry] : segments) {
    if (entry.IsSynced()) continue;
    try {
      entry.file.Sync();
    } catch (const base::Error&) {
      // The kernel may have dropped what it could not write, and would call the next fsync a
      // success: only what an earlier fsync promised counts.
      entry.file_bytes = entry.synced_file_bytes;
      entry.end = entry.synced_end;
      entry.file.Truncate(entry.file_bytes);
      throw;
    }
    entry.synced_file_bytes = entry.file_bytes;
    entry.synced_end = entry.end;
  }
}

void Spool::PutHistory(pg::TimelineId timeline, std::string_view text) {
  const std::scoped_lock lock(state_->mutex);
  base::WriteFileDurably(state_->HistoryPath(timeline), base::AsBytes(text));
  state_->histories.insert(timeline);
}

base::Bytes Spool::Read(const SpooledSegment& segment) const {
  const SegmentKey key{.timeline = segment.timeline, .segment = segment.segment};
  base::Path path;
  std::uint64_t limit = 0;
  {
    const std::scoped_lock lock(state_->mutex);
    const auto found = state_->segments.find(key);
    if (found == state_->segments.end()) {
      throw base::Error(base::ErrorKind::kInternal,
                        fmt::format("segment {} left the spool early", state_->NameOf(key)));
    }
    path = state_->PathOf(key);
    limit = found->second.synced_file_bytes;
  }
  const base::File file = base::File::Open(path, O_RDONLY);
  base::Bytes bytes;
  bytes.reserve(segment.end - segment.start);
  ReadChunks(file, limit, segment.start,
             [&](base::ByteView chunk) { bytes.insert(bytes.end(), chunk.begin(), chunk.end()); });
  if (bytes.size() < segment.end - segment.start) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      fmt::format("{} was altered on the disk", path.native()));
  }
  bytes.resize(segment.end - segment.start);
  return bytes;
}

std::string Spool::ReadHistory(pg::TimelineId timeline) const {
  return std::string(base::AsText(base::ReadFile(state_->HistoryPath(timeline))));
}

void Spool::Remove(const SpooledSegment& segment) {
  const SegmentKey key{.timeline = segment.timeline, .segment = segment.segment};
  const std::scoped_lock lock(state_->mutex);
  base::RemoveFile(state_->PathOf(key));
  state_->segments.erase(key);
}

void Spool::RemoveHistory(pg::TimelineId timeline) {
  const std::scoped_lock lock(state_->mutex);
  base::RemoveFile(state_->HistoryPath(timeline));
  state_->histories.erase(timeline);
}

}  // namespace holdfast::wal
