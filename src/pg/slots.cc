// Physical replication slots through a plain connection.
#include <fmt/format.h>

#include "pg/digits.h"
#include "pg/replication.h"

namespace holdfast::pg {

namespace {

using base::ErrorKind;

constexpr std::string_view kDuplicateObject = "42710";
constexpr std::string_view kUndefinedObject = "42704";
constexpr std::string_view kInUse = "55006";

[[noreturn]] void Conflict(std::string_view name, std::string_view what, std::string hint) {
  throw base::Error(ErrorKind::kConflict, fmt::format("replication slot {} {}", name, what),
                    {std::move(hint)});
}

SlotInfo RequirePhysical(Connection& connection, std::string_view name) {
  const std::optional<SlotInfo> slot = FindSlot(connection, name);
  if (!slot) {
    throw base::Error(ErrorKind::kNotFound, fmt::format("{} has no replication slot {}",
                                                        connection.host_description(), name));
  }
  if (slot->logical) {
    Conflict(name, "is a logical one, which belongs to something else", "choose another slot name");
  }
  return *slot;
}

// A slot of the name is there already.
void AcceptExisting(Connection& connection, std::string_view name) {
  if (!RequirePhysical(connection, name).restart_lsn) {
    Conflict(name, "is there but holds no WAL",
             fmt::format("drop it, then try again: SELECT pg_drop_replication_slot('{}')", name));
  }
}

template <typename Work>
void NamingWhoUsesIt(std::string_view name, Work&& work) {
  try {
    work();
  } catch (const SqlError& error) {
    if (error.sqlstate() != kInUse) throw;
    Conflict(name, "is in use by another connection",
             "give every receiver a slot of its own; see pg_replication_slots.active_pid");
  }
}

}  // namespace

std::optional<SlotInfo> FindSlot(Connection& connection, std::string_view name) {
  const std::optional<std::string> parameters[] = {std::string(name)};
  const std::vector<Row> rows = connection.Query(
      "SELECT slot_name, slot_type = 'logical', restart_lsn, coalesce(wal_status, ''), "
      "safe_wal_size, active FROM pg_replication_slots WHERE slot_name = $1",
      parameters);
  if (rows.empty()) return std::nullopt;
  const Row& row = rows.at(0);
  SlotInfo slot;
  slot.name = row.at(0).value();
  slot.logical = row.at(1) == "t";
  if (row.at(2)) slot.restart_lsn = ParseLsn(*row[2]);
  slot.wal_status = row.at(3).value();
  if (row.at(4)) slot.safe_wal_size = std::stoll(*row[4]);
  slot.active = row.at(5) == "t";
  return slot;
}

void CreateSlot(Connection& connection, std::string_view name) {
  const std::optional<std::string> parameters[] = {std::string(name)};
  try {
    connection.Query("SELECT pg_create_physical_replication_slot($1, true)", parameters);
  } catch (SqlError& error) {
    if (error.sqlstate() == kDuplicateObject) return AcceptExisting(connection, name);
    if (error.kind() == ErrorKind::kDenied) {
      error.AddHint("let the role replicate: ALTER ROLE ... REPLICATION");
    }
    throw;
  }
}

void AdvanceSlot(Connection& connection, std::string_view name, Lsn to) {
  const SlotInfo slot = RequirePhysical(connection, name);
  if (!slot.restart_lsn) {
    Conflict(name, "holds no WAL any more",
             "take a new backup; the slot fell behind max_slot_wal_keep_size or was idle too long");
  }
  if (*slot.restart_lsn >= to) return;
  const std::optional<std::string> parameters[] = {std::string(name), FormatLsn(to)};
  NamingWhoUsesIt(name, [&] {
    connection.Query("SELECT pg_replication_slot_advance($1, $2::pg_lsn)", parameters);
  });
}

void DropSlot(Connection& connection, std::string_view name) {
  if (!FindSlot(connection, name)) return;
  RequirePhysical(connection, name);
  const std::optional<std::string> parameters[] = {std::string(name)};
  NamingWhoUsesIt(name, [&] {
    try {
      connection.Query("SELECT pg_drop_replication_slot($1)", parameters);
    } catch (const SqlError& error) {
      if (error.sqlstate() != kUndefinedObject) throw;  // else another was quicker
    }
  });
}

}  // namespace holdfast::pg
