// The names in a bucket, page by page.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/retry.h"
#include "storage/s3_client.h"
#include "storage/storage.h"

namespace holdfast::storage {

struct S3Page {
  // With their full keys; whole seconds, as the headers of an object have them.
  std::vector<ObjectInfo> objects;
  // Where the next page begins; empty: this is the last one.
  std::string continuation;
};

// An answer to ListObjectsV2. Error(kUnavailable) unless it is one from its first to its last byte.
S3Page ParseS3Page(base::ByteView xml);

struct S3ListOptions {
  std::string prefix{};  // without the location's
  std::string after{};
  unsigned page_size = 1000;  // the store may give less
  bool all_names = false;     // also those that no object of a repository can have
};

// As Storage::List, each page for itself repeated where that helps: what is no name of an object is
// somebody else's, and is passed over. Error(kCorrupt) for a store that lists in another order than
// that of bytes.
void ListS3(S3Client& client, Retrier& retrier, const S3ListOptions& options,
            const std::function<void(const ObjectInfo&)>& visit);

}  // namespace holdfast::storage
