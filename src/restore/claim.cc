#include "restore/claim.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <concepts>
#include <csignal>
#include <exception>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "pg/control_file.h"
#include "restore/old_wal.h"
#include "restore/surroundings.h"

namespace holdfast::restore {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kHeading = "an unfinished restore by holdfast";
constexpr std::string_view kOldControlPath = "global/pg_control.new";
constexpr std::string_view kInPlaceHeading = "an unfinished restore in place by holdfast";
constexpr std::size_t kTokenBytes = 16;

// A mark's text: the heading, the token, and for people where the restore goes to; a line each.
struct Mark {
  bool in_place = false;
  std::string token;
  std::string data_directory;
  std::string system;  // of one in place
};

// Empty when it is no mark, or one whose writing was interrupted: then nothing was filled yet.
std::optional<Mark> ParseMark(std::string_view text) {
  const auto take_line = [&] {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
  };
  if (!text.ends_with('\n')) return std::nullopt;
  const std::string_view heading = take_line();
  if (heading != kHeading && heading != kInPlaceHeading) return std::nullopt;
  Mark mark;
  mark.in_place = heading == kInPlaceHeading;
  mark.token = take_line();
  mark.data_directory = take_line();
  mark.system = take_line();
  if (mark.token.size() != 2 * kTokenBytes) return std::nullopt;
  return mark;
}

std::optional<Mark> ReadMark(const base::Path& path) {
  const auto bytes = base::ReadFileIfExists(path);
  return bytes ? ParseMark(base::AsText(*bytes)) : std::nullopt;
}

bool IsDirectory(const base::Path& directory) {
  if (!fs::exists(fs::symlink_status(directory))) return false;
  if (fs::is_directory(directory)) return true;
  throw base::Error(base::ErrorKind::kConflict,
                    fmt::format("{} exists and is not a directory", directory.native()));
}

// But for `also`. A freshly made file system has one directory of its own.
bool IsEmptyOrAbsent(const base::Path& directory, std::string_view also = {}) {
  return !IsDirectory(directory) ||
         std::ranges::all_of(fs::directory_iterator(directory),
                             [&](const fs::directory_entry& entry) {
                               const base::Path name = entry.path().filename();
                               return name == "lost+found" || (!also.empty() && name == also);
                             });
}

// The process named by postmaster.pid, if it lives. A stale file with a re-used number errs on the
// safe side.
bool ServerRuns(const base::Path& directory) {
  const auto contents = base::ReadFileIfExists(directory / "postmaster.pid");
  if (!contents) return false;
  const std::string_view text = base::AsText(*contents);
  int pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM);
}

bool IsUnfinishedRestore(const base::Path& directory) {
  return fs::exists(directory / kUnfinishedControlPath) && !fs::exists(directory / kControlPath);
}

// Of the open file, so that looking for a lock takes none.
bool Lock(const base::File& file, int command, struct flock& lock) {
  lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(file.fd(), command, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  throw base::SystemError(errno, fmt::format("cannot lock {}", file.path().native()));
}

[[noreturn]] void ReportRunning(const base::Path& directory) {
  throw base::Error(base::ErrorKind::kConflict,
                    fmt::format("another restore into {} is running", directory.native()),
                    {"wait for it, or end it and then run this again"});
}

void RequireNoneRunning(const base::Path& data_directory) {
  const auto mark = base::File::OpenIfExists(data_directory / kUnfinishedControlPath, O_RDONLY);
  struct flock lock {};
  if (mark && Lock(*mark, F_OFD_GETLK, lock) && lock.l_type != F_UNLCK)
    ReportRunning(data_directory);
}

void RequireSameFile(const base::File& mark) {
  struct stat open {};
  struct stat named {};
  if (::fstat(mark.fd(), &open) == 0 && ::stat(mark.path().c_str(), &named) == 0 &&
      open.st_ino == named.st_ino && open.st_dev == named.st_dev)
    return;
  throw base::Error(base::ErrorKind::kConflict,
                    fmt::format("{} was taken away by another restore", mark.path().native()),
                    {"look at what the other one made of the directory"});
}

base::File OpenLocked(const base::Path& directory, std::string_view name) {
  base::File mark = base::File::Open(directory / name, O_RDWR | O_CREAT);
  struct flock lock {};
  if (!Lock(mark, F_OFD_SETLK, lock)) ReportRunning(directory);
  RequireSameFile(mark);
  return mark;
}

// Over what it says already: killed in between it is still a mark.
void WriteMark(base::File& mark, std::string_view text) {
  mark.WriteAt(0, base::AsBytes(text));
  mark.Truncate(text.size());
  mark.Sync();
  base::SyncDirectory(mark.path().parent_path());
}

void Empty(const base::Path& directory, std::string_view but) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const base::Path name = entry.path().filename();
    if (name != "lost+found" && name != but) fs::remove_all(entry.path());
  }
}

// What may not be done there may be somewhere else.
template <std::invocable Work>
void AtTablespace(const base::Path& directory, Work&& work) {
  try {
    std::forward<Work>(work)();
  } catch (...) {
    base::Error error = base::ToError(std::current_exception());
    if (error.kind() == base::ErrorKind::kDenied) {
      error.AddHint(fmt::format("give the tablespace another place: --tablespace {}=NEW",
                                directory.native()));
    }
    throw base::Error(std::move(error));
  }
}

[[noreturn]] void RefuseTablespace(const base::Path& directory, const std::optional<Mark>& mark) {
  base::Error error(
      base::ErrorKind::kConflict,
      fmt::format("the tablespace directory {} is not empty", directory.native()),
      {fmt::format("give it another place: --tablespace {}=NEW", directory.native())});
  if (mark) {
    error.AddHint(fmt::format(
        "it was filled by an unfinished restore into {}: repeat that one, or empty it yourself",
        mark->data_directory));
  }
  throw error;
}

void RequireNotInPlace(const base::Path& directory) {
  const std::optional<Mark> mark = ReadMark(directory / kUnfinishedControlPath);
  if (!mark || !mark->in_place) return;
  throw base::Error(
      base::ErrorKind::kConflict,
      fmt::format("a restore in place into {} was interrupted", directory.native()),
      {"repeat it with --in-place",
       fmt::format("or empty the directory yourself; what {}/pg_wal/{} may hold is in no archive",
                   directory.native(), kKeptWalFolder)});
}

// What the directory says about itself, when it is a cluster's.
std::optional<pg::SystemIdentifier> SystemOf(const base::Path& directory) {
  const auto control = base::ReadFileIfExists(directory / kControlPath);
  if (!control) return std::nullopt;
  try {
    return pg::ParseControlFile(*control).system_identifier;
  } catch (const base::Error&) {
    return std::nullopt;  // damaged: it does not say
  }
}

bool IsTablespaceOf(const base::Path& data_directory, pg::Oid tablespace,
                    const base::Path& directory) {
  std::error_code error;
  const base::Path link = data_directory / "pg_tblspc" / std::to_string(tablespace);
  return fs::is_symlink(link) && fs::equivalent(link, directory, error) && !error;
}

void RequireFreeOrOurs(const base::Path& directory, std::string_view token) {
  if (IsEmptyOrAbsent(directory)) return;
  const std::optional<Mark> mark = ReadMark(directory / kTablespaceMark);
  const bool only_begun = !mark && IsEmptyOrAbsent(directory, kTablespaceMark);
  if (!only_begun && (!mark || mark->token != token)) RefuseTablespace(directory, mark);
}

// Whether an unfinished restore still runs does not show in it.
DestinationState StateOf(const base::Path& directory) {
  if (IsEmptyOrAbsent(directory)) return DestinationState::kFree;
  if (ServerRuns(directory)) {
    throw base::Error(base::ErrorKind::kConflict,
                      fmt::format("a server is running on {}", directory.native()),
                      {"restore into another directory"});
  }
  if (IsUnfinishedRestore(directory)) return DestinationState::kUnfinished;
  // One that was interrupted before it left its mark.
  if (IsEmptyOrAbsent(directory, "global") && IsEmptyOrAbsent(directory / "global"))
    return DestinationState::kFree;
  throw base::Error(base::ErrorKind::kConflict, fmt::format("{} is not empty", directory.native()),
                    {"restore into an empty directory, or move what is there out of the way"});
}

}  // namespace

DestinationState CheckDataDirectory(const base::Path& directory) {
  RequireOutsideClusters(directory);
  const DestinationState state = StateOf(directory);
  if (state == DestinationState::kUnfinished) {
    RequireNoneRunning(directory);
    RequireNotInPlace(directory);
  }
  return state;
}

DestinationState CheckInPlace(const base::Path& directory, pg::SystemIdentifier system) {
  RequireOutsideClusters(directory);
  if (IsEmptyOrAbsent(directory)) return DestinationState::kFree;
  if (fs::exists(fs::symlink_status(directory / "postmaster.pid"))) {
    throw base::Error(
        base::ErrorKind::kConflict,
        fmt::format("{} has a postmaster.pid: a server may be running on it", directory.native()),
        {"stop the server first",
         "if certainly none runs, also in no container, remove postmaster.pid and run this again"});
  }
  if (IsUnfinishedRestore(directory)) {
    RequireNoneRunning(directory);
    const std::optional<Mark> mark = ReadMark(directory / kUnfinishedControlPath);
    if (!mark || mark->system.empty() || mark->system == std::to_string(system.value()))
      return DestinationState::kCluster;
  }
  const std::optional<pg::SystemIdentifier> found = SystemOf(directory);
  if (found == system) return DestinationState::kCluster;
  throw base::Error(
      base::ErrorKind::kConflict,
      found ? fmt::format("{} is another cluster (system identifier {} instead of {})",
                          directory.native(), found->value(), system.value())
            : fmt::format("{} is not a PostgreSQL cluster with a sound global/pg_control",
                          directory.native()),
      {"restore into an empty directory, without --in-place"});
}

void CheckTablespaceInPlace(pg::Oid tablespace, const base::Path& directory,
                            const base::Path& data_directory) {
  if (IsTablespaceOf(data_directory, tablespace, directory)) return;
  CheckTablespaceDirectory(directory, data_directory);
}

void CheckTablespaceDirectory(const base::Path& directory, const base::Path& data_directory) {
  const std::optional<Mark> mark = IsUnfinishedRestore(data_directory)
                                       ? ReadMark(data_directory / kUnfinishedControlPath)
                                       : std::nullopt;
  AtTablespace(directory, [&] {
    RequireOutsideClusters(directory);
    RequireFreeOrOurs(directory, mark ? mark->token : "");
  });
}

Claim::Claim(base::Path data_directory, const std::map<pg::Oid, base::Path>& tablespaces)
    : data_directory_(std::move(data_directory)) {
  for (const auto& [oid, directory] : tablespaces) tablespaces_.push_back(directory);
  const DestinationState before = CheckDataDirectory(data_directory_);
  for (const base::Path& directory : tablespaces_)
    CheckTablespaceDirectory(directory, data_directory_);
  base::MakeDirectories(data_directory_ / "global");
  marks_.push_back(OpenLocked(data_directory_, kUnfinishedControlPath));
  // Another may have held the lock, and come to its end, since the directory was looked at.
  if (StateOf(data_directory_) == DestinationState::kUnfinished) RequireNotInPlace(data_directory_);
  TakeToken(marks_.front());
  for (const base::Path& directory : tablespaces_)
    ClaimTablespace(directory, [&] { RequireFreeOrOurs(directory, token_); });
  if (before == DestinationState::kUnfinished) EmptyAll();
}

Claim Claim::InPlace(base::Path data_directory, const std::map<pg::Oid, base::Path>& tablespaces,
                     pg::SystemIdentifier system) {
  Claim claim;
  claim.data_directory_ = std::move(data_directory);
  claim.in_place_ = true;
  claim.system_ = std::to_string(system.value());
  const base::Path& directory = claim.data_directory_;
  (void)CheckInPlace(directory, system);
  for (const auto& [oid, place] : tablespaces) CheckTablespaceInPlace(oid, place, directory);
  base::MakeDirectories(directory / "global");
  claim.marks_.push_back(OpenLocked(directory, kUnfinishedControlPath));
  claim.TakeToken(claim.marks_.front());
  for (const auto& [oid, place] : tablespaces) {
    claim.tablespaces_.push_back(place);
    claim.ClaimTablespace(place, [&, &oid = oid, &place = place] {
      if (!IsTablespaceOf(directory, oid, place)) RequireFreeOrOurs(place, claim.token_);
    });
  }
  claim.TakeControlAway();
  return claim;
}

// From here on it is no cluster until the restore is over. A server that began to start meanwhile
// has left its postmaster.pid by now.
void Claim::TakeControlAway() {
  const base::Path control = data_directory_ / kControlPath;
  const base::Path aside = data_directory_ / kOldControlPath;
  if (!base::Exists(control)) return;
  fs::rename(control, aside);
  if (base::Exists(data_directory_ / "postmaster.pid")) {
    fs::rename(aside, control);
    throw base::Error(base::ErrorKind::kConflict,
                      fmt::format("a server was started on {} meanwhile", data_directory_.native()),
                      {"stop it first"});
  }
  taken_control_ = base::ReadFile(aside);
  base::RemoveFile(aside);
  base::SyncDirectory(control.parent_path());
}

// An unfinished restore that is gone on with in place must not be emptied any more.
void Claim::TakeToken(base::File& mark) {
  if (auto earlier = ReadMark(mark.path())) {
    token_ = std::move(earlier->token);
    if (earlier->in_place != in_place_) WriteMark(mark, MarkText());
    return;
  }
  token_ = base::RandomHex(kTokenBytes);
  WriteMark(mark, MarkText());
}

void Claim::ClaimTablespace(const base::Path& directory, const std::function<void()>& check) {
  AtTablespace(directory, [&] {
    check();
    base::MakeDirectories(directory);
    marks_.push_back(OpenLocked(directory, kTablespaceMark));
    check();
    const std::optional<Mark> mark = ReadMark(directory / kTablespaceMark);
    if (!mark || mark->token != token_) WriteMark(marks_.back(), MarkText());
  });
}

std::string Claim::MarkText() const {
  const std::string text = fmt::format("{}\n{}\n{}\n", in_place_ ? kInPlaceHeading : kHeading,
                                       token_, data_directory_.native());
  return in_place_ ? text + system_ + "\n" : text;
}

// The marks stay: between emptying and filling nothing says "cluster".
void Claim::EmptyAll() const {
  for (const base::Path& directory : tablespaces_) Empty(directory, kTablespaceMark);
  Empty(data_directory_, "global");
  Empty(data_directory_ / "global", base::Path(kUnfinishedControlPath).filename().native());
}

void Claim::Finish() {
  for (base::File& mark : marks_) {
    fs::remove(mark.path());
    base::SyncDirectory(mark.path().parent_path());
    mark.Close();
  }
}

}  // namespace holdfast::restore
