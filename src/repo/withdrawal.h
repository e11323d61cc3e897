// Taking back a snapshot that was just published: only its own writer can, and it needs no right to
// delete anything (docs/format/protocol.md).
#pragma once

#include <array>

#include "codec/hash.h"
#include "repo/ids.h"
#include "storage/storage.h"

namespace holdfast::repo {

// Known to the writer alone, and gone with it. Its digest stands in the snapshot.
class WithdrawalSecret {
 public:
  static WithdrawalSecret New();
  codec::Digest Digest() const;
  base::ByteView bytes() const { return bytes_; }

 private:
  std::array<std::uint8_t, 32> bytes_{};
};

// Error(kConflict) when something else stands there.
void PutWithdrawal(storage::Storage& storage, const BackupId& id, const WithdrawalSecret& secret);

// Is there a withdrawal by the snapshot's own writer? Anyone else's is nothing: a host that may
// only add must not be able to take others' backups away. False, too, when the snapshot cannot be
// read.
bool IsWithdrawn(storage::Storage& storage, const BackupId& id);

}  // namespace holdfast::repo
