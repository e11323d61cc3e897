#include "cli/copy_queue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "pg/wal_segment.h"

namespace holdfast::cli {
namespace {

constexpr const char* kComparing = "comparing";
constexpr const char* kInStep = "in-step";
constexpr const char* kProblem = "problem";
constexpr std::chrono::hours kInStepFor{24};

// Empty for what is no entry of the queue, a file that is being written for example.
std::optional<PushedFile> Parse(std::string_view name) {
  const std::size_t dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  std::uint64_t system = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + dash, system);
  if (error != std::errc() || end != name.data() + dash) return std::nullopt;
  std::string file(name.substr(dash + 1));
  if (!pg::WalFileKindOf(file)) return std::nullopt;
  return PushedFile{.system = pg::SystemIdentifier(system), .name = std::move(file)};
}

std::int64_t SecondsOf(base::Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

}  // namespace

CopyQueue::CopyQueue(const base::Path& state_directory, const std::string& source,
                     const std::string& copy)
    : folder_(state_directory / "forward" / source / copy), pushed_(folder_ / "pushed") {}

base::Path CopyQueue::PathOf(const PushedFile& file) const {
  return pushed_ / fmt::format("{}-{}", file.system.value(), file.name);
}

void CopyQueue::Add(const PushedFile& file) const {
  base::MakeDirectories(pushed_);
  base::WriteFileDurably(PathOf(file), {});
}

std::vector<PushedFile> CopyQueue::Files() const {
  std::vector<PushedFile> files;
  if (!base::Exists(pushed_)) return files;
  for (const std::string& name : base::NamesIn(pushed_)) {
    if (auto file = Parse(name)) files.push_back(std::move(*file));
  }
  std::ranges::sort(files, {}, &PushedFile::name);
  (void)std::stable_partition(files.begin(), files.end(), [](const PushedFile& file) {
    return pg::WalFileKindOf(file.name) == pg::WalFileKind::kHistory;
  });
  return files;
}

void CopyQueue::Remove(const std::vector<PushedFile>& files) const {
  for (const PushedFile& file : files) (void)base::RemoveFile(PathOf(file));
}

std::optional<base::File> CopyQueue::TryLock() const {
  base::MakeDirectories(folder_);
  base::File lock = base::File::Open(folder_ / "lock", O_RDWR | O_CREAT);
  if (::flock(lock.fd(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return std::nullopt;
  throw base::SystemError(errno, fmt::format("cannot lock {}", lock.path().native()));
}

bool CopyQueue::IsInStep(const std::string& pair, base::Time now) const {
  const std::string text = TextOf(kInStep);
  const std::size_t line = text.find('\n');
  if (line == std::string::npos || text.substr(0, line) != pair) return false;
  std::int64_t since = 0;
  const char* const begin = text.data() + line + 1;
  if (std::from_chars(begin, text.data() + text.size(), since).ec != std::errc()) return false;
  // Of a later time than now: the clock was wrong, then or now.
  const std::int64_t age = SecondsOf(now) - since;
  return age >= 0 && age < std::chrono::seconds(kInStepFor).count();
}

void CopyQueue::BeginComparison(const std::string& pair, base::Time now) const {
  ClearInStep();
  SetText(kComparing, fmt::format("{}\n{}\n", pair, SecondsOf(now)));
}

void CopyQueue::SetInStep() const {
  const base::Path from = folder_ / kComparing;
  if (std::rename(from.c_str(), (folder_ / kInStep).c_str()) == 0 || errno == ENOENT) return;
  throw base::SystemError(errno, fmt::format("cannot rename {}", from.native()));
}

// In this order: what one that compares renames in between is removed under its new name.
void CopyQueue::ClearInStep() const {
  (void)base::RemoveFile(folder_ / kComparing);
  (void)base::RemoveFile(folder_ / kInStep);
}

std::string CopyQueue::Problem() const { return TextOf(kProblem); }
void CopyQueue::SetProblem(const std::string& problem) const { SetText(kProblem, problem); }

std::string CopyQueue::TextOf(const char* name) const {
  const std::optional<base::Bytes> bytes = base::ReadFileIfExists(folder_ / name);
  return bytes ? std::string(base::AsText(*bytes)) : std::string();
}

void CopyQueue::SetText(const char* name, const std::string& text) const {
  if (TextOf(name) == text) return;
  if (text.empty()) {
    (void)base::RemoveFile(folder_ / name);
    return;
  }
  base::MakeDirectories(folder_);
  base::WriteFileDurably(folder_ / name, base::AsBytes(text));
}

}  // namespace holdfast::cli
