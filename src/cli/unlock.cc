#include "cli/unlock.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/random.h"
#include "config/environment.h"

namespace holdfast::cli {
namespace {

constexpr std::string_view kHowToName =
    "set key_file, passphrase_file or passphrase_env of the repository";

repo::Passphrase NonEmpty(std::string text, std::string_view where) {
  if (text.empty())
    throw base::Error(base::ErrorKind::kUsage, fmt::format("the passphrase in {} is empty", where));
  return {std::move(text)};
}

// A key that cannot be read is a matter of configuration, whatever the reason.
template <typename Read>
auto AsUsage(std::string_view what, Read read) {
  try {
    return read();
  } catch (const base::Error& error) {
    std::vector<std::string> hints = error.hints();
    if (hints.empty()) hints.emplace_back(kHowToName);
    throw base::Error(base::ErrorKind::kUsage, fmt::format("{}: {}", what, error.message()),
                      std::move(hints));
  }
}

}  // namespace

repo::KeyFile ReadKeyFile(const base::Path& path) {
  return AsUsage("cannot use the key file", [&] {
    const base::Bytes text = base::ReadFile(path);  // a failure names the path
    return base::WithContext([&] { return path.string(); },
                             [&] { return repo::KeyFile::Parse(base::AsText(text)); });
  });
}

repo::Passphrase ReadPassphraseFile(const base::Path& path) {
  return AsUsage("cannot use the passphrase file",
                 [&] { return NonEmpty(config::ReadSecretFile(path), path.string()); });
}

bool NamesKey(const config::Repository& repository) {
  return repository.key_file || repository.passphrase_file || repository.passphrase ||
         repository.passphrase_env;
}

repo::Unlock UnlockOf(const config::Repository& repository,
                      const config::Environment& environment) {
  if (repository.key_file) return ReadKeyFile(*repository.key_file);
  if (repository.passphrase_file) return ReadPassphraseFile(*repository.passphrase_file);
  if (repository.passphrase) return NonEmpty(*repository.passphrase, "the configuration");
  if (repository.passphrase_env) {
    const auto found = environment.find(*repository.passphrase_env);
    if (found == environment.end())
      throw base::Error(
          base::ErrorKind::kUsage,
          fmt::format("${} is not set, where the passphrase of repository {} should be",
                      *repository.passphrase_env, repository.name));
    return NonEmpty(found->second, "$" + *repository.passphrase_env);
  }
  throw base::Error(base::ErrorKind::kUsage,
                    fmt::format("no key is configured for repository {}", repository.name),
                    {std::string(kHowToName)});
}

void WriteNewSecret(const base::Path& path, std::string_view text) {
  const base::Path folder = path.has_parent_path() ? path.parent_path() : base::Path(".");
  base::MakeDirectories(folder);
  // Written aside and linked: link(2) never replaces, not even what appeared this moment.
  const base::Path aside = path.string() + ".new-" + base::RandomHex(4);
  base::WriteFileDurably(aside, base::AsBytes(text), 0600);
  const int failed = ::link(aside.c_str(), path.c_str()) == 0 ? 0 : errno;
  ::unlink(aside.c_str());
  if (failed != 0) throw base::SystemError(failed, fmt::format("cannot create {}", path.string()));
  base::SyncDirectory(folder);
}

NewKeyFile MakeKeyFile(const base::Path& path, std::string_view repository_url,
                       repo::KeyAccess access) {
  if (const auto existing = base::ReadFileIfExists(path)) {
    try {
      return {repo::KeyFile::Parse(base::AsText(*existing)), false};
    } catch (const base::Error&) {
      throw base::Error(base::ErrorKind::kConflict,
                        fmt::format("{} exists and is no key file", path.string()),
                        {"it is not replaced: name another path with --key-file"});
    }
  }
  const repo::KeyFile key = repo::KeyFile::Generate();
  WriteNewSecret(path, key.ToText(repository_url, access));
  return {key, true};
}

}  // namespace holdfast::cli
