// Keeps a backup's WAL on the server until it is in the repository: a temporary physical slot, and
// the connection that has it.
//
// The connection is none of the backup's others: a server whose max_slot_wal_keep_size was passed
// ends the connection that has the slot, and the backup must not end with it. The server drops the
// slot when the connection ends, however it ends.
#pragma once

#include <string>

#include "pg/backup_session.h"
#include "pg/connection.h"
#include "pg/lsn.h"

namespace holdfast::pg {

// Not thread-safe.
class WalHold {
 public:
  // From then on nothing is removed that a backup which starts later needs. Without a slot where
  // the role may not make one or none is free.
  static WalHold Open(const ConnectOptions& connect);

  // False: WAL may be removed before it was copied.
  bool holds() const { return !slot_.empty(); }
  // Empty without one.
  const std::string& slot() const { return slot_; }
  // ProveSamePostmaster.
  void Prove(const PostmasterProof& proof) { ProveSamePostmaster(connection_, proof); }

  // WAL before this is on the server's disk: written there, or received.
  Lsn FlushPosition();
  // The server may remove WAL before `before`. A slot that the server gave up is done without.
  void LetGo(Lsn before);

 private:
  WalHold(Connection connection, std::string slot);

  Connection connection_;
  std::string slot_;
};

}  // namespace holdfast::pg
