#include "cli/check_repository.h"

#include <fmt/format.h>

#include <optional>

#include "base/file.h"
#include "cli/check_server.h"
#include "cli/open_repository.h"
#include "cli/open_storage.h"
#include "cli/probe_store.h"
#include "config/mask.h"
#include "repo/lease.h"

namespace holdfast::cli {
namespace {

constexpr std::uint64_t kRoomWanted = base::kGiB;

CheckItem Ok(std::string name, std::string detail) {
  return {std::move(name), CheckState::kOk, std::move(detail), {}};
}

CheckItem TryWriting(const repo::Repository& repository) {
  repository.CheckMayWrite();
  std::string object;
  {
    const repo::Lease lease(repository, {.kind = "check", .pins = {}, .log = {}});
    object = lease.object();
    const auto contents = repository.storage().Get(object);
    if (!contents)
      return {"writable", CheckState::kFailed,
              fmt::format("object {} was put, and cannot be found", object),
              "the store does not keep what it acknowledges: use another"};
    (void)repo::ParseLease({.name = object, .size = contents->size(), .modified = {}}, *contents);
  }
  if (repository.storage().Stat(object))
    return {"writable", CheckState::kAttention,
            fmt::format("object {} was put, and cannot be removed", object),
            "prune must run elsewhere, with credentials that may delete"};
  return Ok("writable", "an object was put, read back and removed");
}

// Directories only: other stores do not tell.
std::optional<base::Path> DirectoryOf(std::string_view url) {
  constexpr std::string_view kFile = "file://";
  if (url.starts_with(kFile)) return base::Path(url.substr(kFile.size()));
  if (url.starts_with('/')) return base::Path(url);
  return std::nullopt;
}

class RepositoryCheck {
 public:
  RepositoryCheck(Session& session, const config::Repository& settings)
      : session_(session), settings_(settings) {}

  std::vector<CheckItem> Run() {
    const bool reached = Try("repository", "is the path or URL right, and mounted?", [&] {
      const auto storage = OpenStorage(session_, settings_, false);
      (void)repo::ReadConfig(*storage);
      items_.push_back(Ok("repository", fmt::format("{} ({})", settings_.name,
                                                    config::MaskUrlPassword(settings_.url))));
    });
    if (reached) CheckReached();
    return std::move(items_);
  }

 private:
  void CheckReached() {
    std::optional<repo::Repository> repository;
    Try("key", "name the key that opens it: key_file, passphrase_file or passphrase_env", [&] {
      repository.emplace(OpenRepository(session_, settings_));
      items_.push_back(Ok("key", repository->access() == repo::KeyAccess::kAddOnly
                                     ? "may only add, and reads no content: a restore needs another"
                                     : "opens the repository"));
    });
    if (repository) {
      Try("writable", "let the user that runs holdfast write there",
          [&] { items_.push_back(TryWriting(*repository)); });
    }
    Try("store", "is it reachable, and may objects be put there?", [&] {
      for (const storage::StoreFinding& finding : ProbeStore(session_, settings_))
        items_.push_back(ToCheckItem(finding));
    });
    if (const auto directory = DirectoryOf(settings_.url)) {
      Try("space", "look at the file system", [&] {
        items_.push_back(JudgeRoom({.name = "space",
                                    .where = directory->string(),
                                    .free = base::FreeBytes(*directory),
                                    .wanted = kRoomWanted}));
      });
    }
  }

  template <typename Work>
  bool Try(const char* name, const char* hint, Work&& work) {
    try {
      work();
      return true;
    } catch (const base::Error& error) {
      if (error.kind() == base::ErrorKind::kCancelled) throw;
      items_.push_back(FailedWith(name, error, hint));
      return false;
    }
  }

  Session& session_;
  const config::Repository& settings_;
  std::vector<CheckItem> items_;
};

}  // namespace

std::vector<CheckItem> CheckRepository(Session& session, const config::Repository& repository) {
  return RepositoryCheck(session, repository).Run();
}

}  // namespace holdfast::cli
