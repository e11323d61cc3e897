// A configured source, ready to be worked with.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/session.h"
#include "codec/compress.h"
#include "config/config.h"
#include "pg/connection.h"
#include "pg/lsn.h"
#include "repo/repository.h"

namespace holdfast::cli {

// A source that is a PostgreSQL cluster; Error(kUsage) for others.
const config::Source& ClusterNamed(Session& session, std::string_view name);

pg::ConnectOptions ConnectOptionsOf(Session& session, const config::Source& source);
codec::CompressionOptions CompressionOf(const config::Repository& repository);

// The sources to go through: the one named, else those configured and those that the repository
// knows.
std::vector<std::string> SourcesToShow(Session& session, const repo::Repository& repository,
                                       const std::string& named);
// Where one is needed and the configuration has none.
base::Error NoSource();

// Error(kNotFound) for a name, if one is given, that neither the configuration nor the repository
// knows: where nothing is found nothing would be wrong.
void RequireKnownSource(Session& session, storage::Storage& storage, const std::string& source);
// The repository that holds what is known about a source, which need not be configured (any more).
const config::Repository& RepositoryForSource(Session& session, std::string_view source);

// Who the cluster is to whose pg_wal `file` belongs: global/pg_control beside that pg_wal, else in
// the working directory, which PostgreSQL sets to the data directory for archive_command and
// restore_command. Error(kNotFound) when neither is there.
pg::SystemIdentifier SystemBeside(const base::Path& file, const base::Path& working_directory);

// State of a source on this host, below the state directory.
base::Path SpoolDirectory(Session& session, std::string_view source);
base::Path StreamStateFile(Session& session, std::string_view source);

// What this host keeps itself: a restore must neither get into it nor clear it away.
std::vector<base::Path> PreciousPlaces(Session& session);

}  // namespace holdfast::cli
