#include "storage/s3_put.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "base/time_text.h"
#include "storage/aws_digest.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint64_t kMinClassBytes = 128 * base::kKiB;
// What is put twice to learn is no larger than this.
constexpr std::uint64_t kMostToLearnFrom = 64 * base::kKiB;
constexpr std::string_view kAction = "s3:PutObject";
constexpr std::string_view kMarkHeader = "x-amz-meta-holdfast-put";

// 412 is the answer; some servers of old say 304.
bool SaysAlreadyThere(int status) { return status == 412 || status == 304; }

// "2026-11-21T07:00:03Z".
std::string LockedUntil(base::Time now, unsigned days) {
  return base::FormatRfc3339(
      std::chrono::ceil<std::chrono::seconds>(now + std::chrono::hours(24) * days));
}

}  // namespace

S3Putter::S3Putter(S3Client& client, S3PutOptions options, base::Clock& clock, Retrier& retrier,
                   LookUp look_up)
    : client_(client),
      options_(std::move(options)),
      clock_(clock),
      retrier_(retrier),
      look_up_(std::move(look_up)) {}

PutOutcome S3Putter::Put(std::string_view name, base::ByteView contents) {
  CheckName(name);
  if (contents.size() > kMaxS3Object) {
    throw Error(ErrorKind::kInternal,
                fmt::format("{} is larger than an object of S3 may be", client_.Describe(name)));
  }
  const PutIfAbsent known = put_if_absent_;
  if (known != PutIfAbsent::kHonoured && Look(name)) return PutOutcome::kAlreadyThere;
  const Draft draft{.name = name, .contents = contents, .mark = base::RandomHex(8)};
  const PutOutcome outcome = Send(draft);
  if (outcome == PutOutcome::kStored) {
    if (known == PutIfAbsent::kUnknown) Learn(draft);
    return outcome;
  }
  const auto there = Look(name);
  const std::string* mark = there ? http::Find(*there, kMarkHeader) : nullptr;
  return mark != nullptr && *mark == draft.mark ? PutOutcome::kStored : outcome;
}

PutOutcome S3Putter::Send(const Draft& draft) {
  return retrier_.Run([&] { return SendUntilUnderstood(draft); });
}

PutOutcome S3Putter::SendUntilUnderstood(const Draft& draft) {
  while (true) {
    const S3Request request = RequestFor(draft);
    const http::Response response = client_.Send(request);
    if (response.status >= 200 && response.status < 300) return PutOutcome::kStored;
    if (SaysAlreadyThere(response.status)) {
      put_if_absent_ = PutIfAbsent::kHonoured;
      return PutOutcome::kAlreadyThere;
    }
    if (!Adapt(ParseS3Failure(response))) throw client_.Failure(response, request, kAction);
  }
}

S3Request S3Putter::RequestFor(const Draft& draft) const {
  return {.method = "PUT",
          .key = std::string(draft.name),
          .headers = HeadersFor(draft),
          .body = draft.contents};
}

PutOutcome S3Putter::PutKey(std::string_view key, base::ByteView contents) {
  return Send({.name = key, .contents = contents, .mark = "probe"});
}

S3Request S3Putter::RequestFor(std::string_view key, base::ByteView contents) const {
  return RequestFor(Draft{.name = key, .contents = contents, .mark = "probe"});
}

// Whether the store said how it wants it instead. Each is learned once, so this ends.
bool S3Putter::Adapt(const S3Failure& failure) {
  if (failure.status == 501 && !no_condition_.exchange(true)) {
    put_if_absent_ = PutIfAbsent::kIgnored;
    return true;
  }
  const bool about_md5 =
      failure.status == 400 && (failure.code == "MissingContentMD5" ||
                                failure.message.find("Content-MD5") != std::string::npos);
  return about_md5 && options_.checksum == S3Checksum::kAuto && !wants_md5_.exchange(true);
}

// What was just put is put again: the same bytes, should they be taken.
void S3Putter::Learn(const Draft& draft) {
  if (draft.contents.size() > kMostToLearnFrom || no_condition_) return;
  try {
    if (SendUntilUnderstood(draft) == PutOutcome::kStored) {
      put_if_absent_ = PutIfAbsent::kIgnored;
    }
  } catch (const Error&) {
    // Still unknown; the object itself is stored.
  }
}

std::optional<http::Headers> S3Putter::Look(std::string_view name) const {
  try {
    return look_up_(name);
  } catch (const Error& error) {
    // A host that may only add: then the store's own refusal is all there is.
    if (error.kind() != ErrorKind::kDenied) throw;
    return std::nullopt;
  }
}

http::Headers S3Putter::HeadersFor(const Draft& draft) const {
  http::Headers headers = {{"Content-Type", "application/octet-stream"},
                           {std::string(kMarkHeader), draft.mark}};
  if (!no_condition_) headers.push_back({"If-None-Match", "*"});
  if (!options_.storage_class.empty() && draft.contents.size() >= kMinClassBytes) {
    headers.push_back({"x-amz-storage-class", options_.storage_class});
  }
  if (!options_.server_side_encryption.empty()) {
    headers.push_back({"x-amz-server-side-encryption", options_.server_side_encryption});
  }
  if (!options_.kms_key_id.empty()) {
    headers.push_back({"x-amz-server-side-encryption-aws-kms-key-id", options_.kms_key_id});
  }
  AddLock(draft.name, headers);
  AddChecksum(draft.contents, IsLocked(draft.name), headers);
  return headers;
}

bool S3Putter::IsLocked(std::string_view name) const {
  return !options_.object_lock_mode.empty() && !name.starts_with('.') &&
         std::ranges::none_of(options_.unlocked,
                              [&](const std::string& prefix) { return name.starts_with(prefix); });
}

void S3Putter::AddLock(std::string_view name, http::Headers& headers) const {
  if (!IsLocked(name)) return;
  headers.push_back({"x-amz-object-lock-mode", options_.object_lock_mode});
  headers.push_back({"x-amz-object-lock-retain-until-date",
                     LockedUntil(clock_.Now(), options_.object_lock_days)});
}

void S3Putter::AddChecksum(base::ByteView contents, bool locked, http::Headers& headers) const {
  const bool automatic_md5 = options_.checksum == S3Checksum::kAuto && (locked || wants_md5_);
  if (options_.checksum == S3Checksum::kMd5 || automatic_md5) {
    headers.push_back({"Content-MD5", base::ToBase64(Md5(contents))});
  } else if (options_.checksum == S3Checksum::kSha256) {
    headers.push_back({"x-amz-checksum-sha256", base::ToBase64(Sha256(contents))});
  }
}

}  // namespace holdfast::storage
