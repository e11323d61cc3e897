// Reading global/pg_control whole from a live cluster.
#pragma once

#include <stop_token>

#include "base/bytes.h"
#include "base/clock.h"
#include "pg/cluster_reader.h"

namespace holdfast::backup {

// The server rewrites the file while it is read: a torn reading (wrong CRC) is read again, for a
// few seconds. Error(kCorrupt) when it stays wrong or the file is missing.
base::Bytes ReadControlFile(pg::ClusterReader& cluster, base::Clock& clock,
                            const std::stop_token& stop);

}  // namespace holdfast::backup
