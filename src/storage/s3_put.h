// How objects are put into S3, so that none is ever replaced.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/retry.h"
#include "storage/s3_client.h"
#include "storage/storage.h"

namespace holdfast::storage {

// Beside the payload's SHA-256, which every request is signed with and most stores compare.
enum class S3Checksum {
  kAuto,  // none, unless the store asks for one or the object is locked: then Content-MD5
  kNone,
  kMd5,     // Content-MD5
  kSha256,  // x-amz-checksum-sha256, which the store keeps with the object
};

struct S3PutOptions {
  // Of objects of 128 KiB and more: cheaper classes count smaller ones as that.
  std::string storage_class{};
  std::string server_side_encryption{};  // "", "AES256", "aws:kms"
  std::string kms_key_id{};
  std::string object_lock_mode{};  // "", "GOVERNANCE", "COMPLIANCE"
  unsigned object_lock_days = 0;
  // Objects of these prefixes are removed in the ordinary course of things and never locked.
  std::vector<std::string> unlocked{};
  S3Checksum checksum = S3Checksum::kAuto;
};

// A single PutObject takes no more.
inline constexpr std::uint64_t kMaxS3Object = 5 * base::kGiB;

// Whether the store refuses a put of an existing name when asked to (If-None-Match: *).
enum class PutIfAbsent {
  kUnknown,  // not seen yet: looked first, and asked
  kHonoured,
  kIgnored,  // looked first; of two that put at the same moment the later one replaces
};

// Thread-safe.
class S3Putter {
 public:
  // All must outlive the putter. `look_up` asks for an object's headers; empty when it is absent.
  using LookUp = std::function<std::optional<http::Headers>(std::string_view)>;
  S3Putter(S3Client& client, S3PutOptions options, base::Clock& clock, Retrier& retrier,
           LookUp look_up);

  // As Storage::Put. Each put leaves a mark of its own with the object, so that a request that was
  // carried out twice, by a retry or by the network, is known as one's own. The first small object
  // of a process is put a second time where it is not known yet what the store does with that.
  PutOutcome Put(std::string_view name, base::ByteView contents);

  PutIfAbsent put_if_absent() const { return put_if_absent_; }
  // By whoever tried it.
  void Learned(PutIfAbsent put_if_absent) { put_if_absent_ = put_if_absent; }

  // For finding out what the store does with puts: of any key, and without looking first.
  PutOutcome PutKey(std::string_view key, base::ByteView contents);
  // The request for that; `contents` must outlive it.
  S3Request RequestFor(std::string_view key, base::ByteView contents) const;

 private:
  struct Draft {
    std::string_view name;
    base::ByteView contents;
    std::string mark;
  };

  S3Request RequestFor(const Draft& draft) const;
  PutOutcome Send(const Draft& draft);
  PutOutcome SendUntilUnderstood(const Draft& draft);
  http::Headers HeadersFor(const Draft& draft) const;
  void AddLock(std::string_view name, http::Headers& headers) const;
  void AddChecksum(base::ByteView contents, bool locked, http::Headers& headers) const;
  bool IsLocked(std::string_view name) const;
  bool Adapt(const S3Failure& failure);
  void Learn(const Draft& draft);
  // The headers of the object; empty also when they may not be looked at.
  std::optional<http::Headers> Look(std::string_view name) const;

  S3Client& client_;
  S3PutOptions options_;
  base::Clock& clock_;
  Retrier& retrier_;
  LookUp look_up_;
  std::atomic<PutIfAbsent> put_if_absent_ = PutIfAbsent::kUnknown;
  std::atomic<bool> no_condition_ = false;  // the store does not know the header at all
  std::atomic<bool> wants_md5_ = false;
};

}  // namespace holdfast::storage
