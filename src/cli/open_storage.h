// From the settings of a repository to the storage it lies in.
#pragma once

#include <memory>

#include "cli/session.h"
#include "config/config.h"
#include "storage/open.h"

namespace holdfast::cli {

// Sizes and files of the settings are read; nothing is asked of a place over the network yet.
storage::OpenOptions StorageOptions(Session& session, const config::Repository& repository);

// Error(kNotFound) when a directory is not there and is not to be created.
std::unique_ptr<storage::Storage> OpenStorage(Session& session,
                                              const config::Repository& repository, bool create);

// "repository main (s3://bucket/prefix)": for the front of messages.
std::string Describe(const config::Repository& repository);

}  // namespace holdfast::cli
