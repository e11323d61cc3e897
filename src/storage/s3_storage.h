// Objects in a bucket of S3, or of anything that speaks like it.
#pragma once

#include <memory>

#include "storage/retry.h"
#include "storage/s3_client.h"
#include "storage/s3_put.h"
#include "storage/storage.h"

namespace holdfast::storage {

struct S3StorageOptions {
  S3PutOptions put{};
  RetryOptions retry{};
  std::stop_token stop{};
};

// The object "a/b" is the key PREFIX/a/b. Each single request is repeated as `retry` says, so that
// what became of a put or a remove is known exactly, not guessed from a repetition of the whole.
//
// Objects are put with one PutObject, which S3 ends at 5 GiB (Error(kInternal) above that). A store
// that takes no If-None-Match is looked at before each put instead; then, and only then, of two
// puts of one name at the same moment the later one replaces, and traits() says so.
//
// A name is absent when the store says NoSuchKey, never when it says something else (a missing
// bucket, a proxy's own 404). Two removers of one object may both be told that they removed it; so
// may one whose credentials may remove and not look. In a bucket with versions a removed object
// goes on occupying room until the bucket's rules expire it.
//
// Times are whole seconds; StoreTime() is the header Date of an answer.
class S3Storage final : public Storage {
 public:
  // `clock` must outlive the storage.
  S3Storage(std::unique_ptr<S3Client> client, S3StorageOptions options, base::Clock& clock);

  [[nodiscard]] PutOutcome Put(std::string_view name, base::ByteView contents) override;
  std::optional<base::Bytes> Get(std::string_view name) override;
  std::optional<base::Bytes> GetRange(std::string_view name, std::uint64_t offset,
                                      std::uint64_t length) override;
  std::optional<ObjectInfo> Stat(std::string_view name) override;
  void List(std::string_view prefix, std::string_view after,
            const std::function<void(const ObjectInfo&)>& visit) override;
  RemoveOutcome Remove(std::string_view name) override;
  // Objects of probes that were broken off.
  std::uint64_t RemoveLeftovers() override;
  base::Time StoreTime() override;
  StorageTraits traits() const override;

  S3Client& client() { return *client_; }
  Retrier& retrier() { return retrier_; }
  S3Putter& putter() { return putter_; }

 private:
  std::optional<http::Headers> Look(std::string_view name);
  bool MayExist(std::string_view name);
  void RemoveKey(std::string_view key);

  std::unique_ptr<S3Client> client_;
  Retrier retrier_;
  S3Putter putter_;
};

}  // namespace holdfast::storage
