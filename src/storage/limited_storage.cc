#include "storage/limited_storage.h"

namespace holdfast::storage {

PutOutcome LimitedStorage::Put(std::string_view name, base::ByteView contents) {
  if (upload_) upload_->Take(contents.size(), stop_);
  return below_->Put(name, contents);
}

std::optional<base::Bytes> LimitedStorage::Get(std::string_view name) {
  return Slowly(below_->Get(name));
}

std::optional<base::Bytes> LimitedStorage::GetRange(std::string_view name, std::uint64_t offset,
                                                    std::uint64_t length) {
  return Slowly(below_->GetRange(name, offset, length));
}

std::optional<base::Bytes> LimitedStorage::Slowly(std::optional<base::Bytes> contents) {
  if (contents && download_) download_->Take(contents->size(), stop_);
  return contents;
}

}  // namespace holdfast::storage
