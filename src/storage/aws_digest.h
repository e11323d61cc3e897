// The digests that requests to S3 are signed and checked with.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::storage {

base::Bytes Sha256(base::ByteView data);
base::Bytes HmacSha256(base::ByteView key, std::string_view data);
// For the header Content-MD5, which some stores insist on; guards against accidents only.
base::Bytes Md5(base::ByteView data);

}  // namespace holdfast::storage
