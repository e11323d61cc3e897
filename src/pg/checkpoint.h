// A checkpoint's contents: the body of its WAL record, copied into pg_control.
//
// Source: src/include/catalog/pg_control.h; the same 88 bytes in 13 to 18, but that 17 keeps
// wal_level in what was padding before.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/clock.h"
#include "pg/lsn.h"

namespace holdfast::pg {

inline constexpr std::size_t kCheckpointSize = 88;

struct Checkpoint {
  Lsn redo;  // where replay starts
  TimelineId timeline;
  TimelineId previous_timeline;  // differs at the first checkpoint of a timeline
  bool full_page_writes = false;
  std::uint64_t next_xid = 0;  // with its epoch in the high half
  Oid next_oid = 0;
  std::uint32_t next_multixact = 0;
  std::uint32_t next_multixact_offset = 0;
  TransactionId oldest_xid = 0;
  Oid oldest_xid_database = 0;
  std::uint32_t oldest_multixact = 0;
  Oid oldest_multixact_database = 0;
  base::Time time;
  TransactionId oldest_active_xid = 0;
};

// Takes kCheckpointSize bytes from `in`.
Checkpoint ReadCheckpoint(base::ByteReader& in);

}  // namespace holdfast::pg
