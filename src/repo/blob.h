// A small sealed object under a name of the caller's choosing: a pack followed by the id that its
// bytes prove, so that it too can be scrubbed without a key (docs/format/blob.md). WAL segments,
// history files and tails are blobs.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "codec/compress.h"
#include "repo/keyring.h"
#include "repo/pack.h"
#include "storage/storage.h"

namespace holdfast::repo {

base::Bytes SealBlob(const Keyring& keyring, PackKind kind, base::ByteView raw,
                     codec::CompressionOptions compression);
// Error(kCorrupt) names the object.
base::Bytes OpenBlob(const Keyring& keyring, std::string_view object_name, base::ByteView stored);
// Proves by header and footer alone that a stored blob was sealed with these keys and has its whole
// length; its content is not read. Error(kCorrupt) names the object, kNotFound: it is not there.
void CheckBlobSeal(const Keyring& keyring, storage::Storage& storage, const std::string& object);
// Key-less: is the pack the one whose id follows it? False: the bytes were altered or cut.
bool BlobChecksumMatches(base::ByteView stored);

}  // namespace holdfast::repo
