// Is an object of the WAL archive what was written?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "pg/lsn.h"
#include "repo/keyring.h"

namespace holdfast::wal {

// Does the name lie where the archives of WAL lie?
bool IsInWalArchive(std::string_view object_name);

// What the name of an object of an archive tells, whichever the source.
struct WalObjectName {
  std::string source;
  pg::SystemIdentifier system;
  // The name without the digest: objects that agree in it are several contents of one file. Empty
  // for tails and for records, of which there may be many, and for summaries.
  std::string file;
};
// Empty when no archive names its objects like this.
std::optional<WalObjectName> ParseWalObjectName(std::string_view object_name);

// What is wrong with it by what can be told without a key; empty when it is sound. Every altered
// bit is found, but not that two objects were exchanged. An object whose name is not understood is
// not judged.
std::optional<std::string> CheckWalBytes(std::string_view object_name, base::ByteView contents);

// The same with a key: opens the object, compares the keyed digest of its content with the name,
// and of WAL the first page too. Error(kDenied) when the ring may not read content.
std::optional<std::string> CheckWalObject(const repo::Keyring& keyring,
                                          std::string_view object_name, base::ByteView contents);

}  // namespace holdfast::wal
