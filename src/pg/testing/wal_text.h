// A record as one line of text, in the words of pg_waldump, for golden files:
//   0/900090 prev 0/8FFDA8 Btree tx 725 len 64 | 1663/5/16389 main 2 FPW | ...
#pragma once

#include <string>

#include "pg/wal_record.h"

namespace holdfast::pg {

std::string WalRecordLine(const WalRecord& record);

}  // namespace holdfast::pg
