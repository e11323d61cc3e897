#include "cli/open_repository.h"

#include <fmt/format.h>

#include <utility>

#include "cli/unlock.h"
#include "config/mask.h"
#include "storage/open.h"

namespace holdfast::cli {

const config::Repository& ChooseRepository(Session& session, const config::Source* source) {
  const config::Config& config = session.config();
  if (!session.options().repository.empty())
    return config.RepositoryNamed(session.options().repository);
  return config.RepositoryNamed(source == nullptr ? std::string_view() : source->repository);
}

repo::Repository OpenRepository(Session& session, const config::Repository& repository) {
  const repo::Unlock unlock = UnlockOf(repository, session.invocation().environment);
  try {
    return repo::Repository::Open(storage::OpenStorage(repository.url, {.create = false}),
                                  session.clock(), unlock);
  } catch (base::Error& error) {
    error.AddContext(fmt::format("repository {} ({})", repository.name,
                                 config::MaskUrlPassword(repository.url)));
    throw;
  }
}

}  // namespace holdfast::cli
