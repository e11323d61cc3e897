// A small sealed object under a name of the caller's choosing: a pack followed by the id that its
// bytes prove, so that it too can be scrubbed without a key (docs/format/blob.md). WAL segments,
// history files and tails are blobs.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "codec/compress.h"
#include "repo/keyring.h"
#include "repo/pack.h"

namespace holdfast::repo {

base::Bytes SealBlob(const Keyring& keyring, PackKind kind, base::ByteView raw,
                     codec::CompressionOptions compression);
// Error(kCorrupt) names the object.
base::Bytes OpenBlob(const Keyring& keyring, std::string_view object_name, base::ByteView stored);
// Key-less: is the pack the one whose id follows it? False: the bytes were altered or cut.
bool BlobChecksumMatches(base::ByteView stored);

}  // namespace holdfast::repo
