#include "cli/open_repository.h"

#include "cli/open_storage.h"
#include "cli/unlock.h"

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
    return repo::Repository::Open(OpenStorage(session, repository, false), session.clock(), unlock);
  } catch (base::Error& error) {
    error.AddContext(Describe(repository));
    throw;
  }
}

}  // namespace holdfast::cli
