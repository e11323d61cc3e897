// From the configuration to an open repository.
#pragma once

#include <memory>
#include <string_view>

#include "cli/session.h"
#include "config/config.h"
#include "repo/repository.h"
#include "storage/storage.h"

namespace holdfast::cli {

// --repository, else the source's, else the first one. `source` may be null.
const config::Repository& ChooseRepository(Session& session, const config::Source* source);

// Error(kNotFound) when there is no repository at the URL.
repo::Repository OpenRepository(Session& session, const config::Repository& repository);

}  // namespace holdfast::cli
