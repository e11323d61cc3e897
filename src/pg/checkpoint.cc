#include "pg/checkpoint.h"

#include "pg/time.h"

namespace holdfast::pg {

Checkpoint ReadCheckpoint(base::ByteReader& in) {
  Checkpoint checkpoint;
  checkpoint.redo = Lsn(in.U64());
  checkpoint.timeline = TimelineId(in.U32());
  checkpoint.previous_timeline = TimelineId(in.U32());
  checkpoint.full_page_writes = in.U8() != 0;
  in.Raw(7);  // padding, in part wal_level from 17 on
  checkpoint.next_xid = in.U64();
  checkpoint.next_oid = in.U32();
  checkpoint.next_multixact = in.U32();
  checkpoint.next_multixact_offset = in.U32();
  checkpoint.oldest_xid = in.U32();
  checkpoint.oldest_xid_database = in.U32();
  checkpoint.oldest_multixact = in.U32();
  checkpoint.oldest_multixact_database = in.U32();
  in.Raw(4);  // padding
  checkpoint.time = FromUnixSeconds(static_cast<std::int64_t>(in.U64()));
  in.Raw(8);  // the range of transactions with commit timestamps
  checkpoint.oldest_active_xid = in.U32();
  in.Raw(4);  // padding
  return checkpoint;
}

}  // namespace holdfast::pg
