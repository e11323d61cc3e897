#include "pg/wal_hold.h"

#include <fmt/format.h>

#include <utility>

#include "base/random.h"
#include "pg/replication.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;

// Not allowed, none free (53400), or slots switched off (55000): the backup does without.
bool DoesWithoutSlot(const SqlError& error) {
  return error.sqlstate() == "42501" || error.sqlstate() == "53400" || error.sqlstate() == "55000";
}

std::string MakeSlot(Connection& connection) {
  std::string name = fmt::format("holdfast_backup_{}", base::RandomHex(8));
  const std::optional<std::string> parameters[] = {name};
  try {
    connection.Query("SELECT pg_create_physical_replication_slot($1, true, true)", parameters);
    return name;
  } catch (const SqlError& error) {
    if (!DoesWithoutSlot(error)) throw;
    return {};
  }
}

}  // namespace

WalHold::WalHold(Connection connection, std::string slot)
    : connection_(std::move(connection)), slot_(std::move(slot)) {}

WalHold WalHold::Open(const ConnectOptions& connect) {
  Connection connection = Connection::Open(connect);
  std::string slot = MakeSlot(connection);
  return {std::move(connection), std::move(slot)};
}

Lsn WalHold::FlushPosition() {
  // A standby may get WAL by its restore_command alone.
  return ParseLsn(
      connection_.QueryValue("SELECT CASE WHEN pg_is_in_recovery() "
                             "THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) "
                             "ELSE pg_current_wal_flush_lsn() END"));
}

void WalHold::LetGo(Lsn before) {
  if (!holds()) return;
  try {
    AdvanceSlot(connection_, slot_, before);
  } catch (const base::Error& error) {
    if (error.kind() != ErrorKind::kNotFound && error.kind() != ErrorKind::kConflict) throw;
    slot_.clear();
  }
}

}  // namespace holdfast::pg
