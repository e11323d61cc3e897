#include "repo/withdrawal.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "repo/snapshot.h"

namespace holdfast::repo {

WithdrawalSecret WithdrawalSecret::New() {
  WithdrawalSecret secret;
  base::FillRandom(secret.bytes_);
  return secret;
}

codec::Digest WithdrawalSecret::Digest() const { return codec::Sha256(bytes_); }

void PutWithdrawal(storage::Storage& storage, const BackupId& id, const WithdrawalSecret& secret) {
  const std::string object = WithdrawalObject(id);
  if (storage.Put(object, secret.bytes()) == storage::PutOutcome::kStored) return;
  // By an attempt of ours, or by one who would keep us from it.
  const std::optional<base::Bytes> there = storage.Get(object);
  if (there && base::Equal(*there, secret.bytes())) return;
  throw base::Error(base::ErrorKind::kConflict,
                    fmt::format("{} is there already, and does not show as ours", object));
}

bool IsWithdrawn(storage::Storage& storage, const BackupId& id) {
  const std::optional<base::Bytes> secret = storage.Get(WithdrawalObject(id));
  if (!secret) return false;
  try {
    const PlainSnapshot plain = ReadPlainSnapshot(storage, id);
    return plain.withdrawal && *plain.withdrawal == codec::Sha256(*secret);
  } catch (const base::Error& error) {
    // A store that does not answer says nothing; a record that is gone, altered or of a newer
    // format withdraws nothing.
    if (error.kind() == base::ErrorKind::kNotFound || error.kind() == base::ErrorKind::kCorrupt ||
        error.kind() == base::ErrorKind::kUsage) {
      return false;
    }
    throw;
  }
}

}  // namespace holdfast::repo
