#include "storage/s3_storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "storage/s3_listing.h"
#include "storage/s3_range.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view kGetAction = "s3:GetObject";

S3Request Getting(std::string_view name) {
  return {.key = std::string(name), .max_answer = kMaxS3Object};
}

// Size and time by the headers; empty when they do not tell.
std::optional<ObjectInfo> InfoOf(std::string_view name, const http::Response& response,
                                 std::optional<std::uint64_t> size) {
  const std::string* modified = http::Find(response.headers, "Last-Modified");
  const auto time = modified == nullptr ? std::nullopt : http::ParseDate(*modified);
  if (!size || !time) return std::nullopt;
  return ObjectInfo{.name = std::string(name), .size = *size, .modified = *time};
}

}  // namespace

S3Storage::S3Storage(std::unique_ptr<S3Client> client, S3PutOptions options, base::Clock& clock)
    : client_(std::move(client)),
      putter_(*client_, std::move(options), clock,
              [this](std::string_view name) { return Stat(name).has_value(); }) {}

PutOutcome S3Storage::Put(std::string_view name, base::ByteView contents) {
  return putter_.Put(name, contents);
}

// As a part that is everything: then the answer tells the length twice, and a body that was cut
// shows although its own length was changed to fit.
std::optional<base::Bytes> S3Storage::Get(std::string_view name) {
  return GetRange(name, 0, std::numeric_limits<std::uint64_t>::max());
}

std::optional<base::Bytes> S3Storage::GetRange(std::string_view name, std::uint64_t offset,
                                               std::uint64_t length) {
  CheckName(name);
  const ByteRange range{.offset = offset, .length = length};
  if (!range.CanBeAsked()) {  // nothing of it can exist; the object may
    if (!Stat(name)) return std::nullopt;
    return base::Bytes();
  }
  S3Request request = Getting(name);
  request.headers.push_back({"Range", range.ToHeader()});
  http::Response response = client_->Send(request);
  if (response.status == 416) return base::Bytes();  // begins behind the end
  if (response.status == 200 || response.status == 206) {
    return base::WithContext([&] { return client_->Describe(name); },
                             [&] { return CutRange(range, std::move(response)); });
  }
  if (IsNoSuchKey(ParseS3Failure(response))) return std::nullopt;
  throw client_->Failure(response, request, kGetAction);
}

std::optional<ObjectInfo> S3Storage::Stat(std::string_view name) {
  CheckName(name);
  S3Request request{.method = "HEAD", .key = std::string(name)};
  http::Response response = client_->Send(request);
  const auto length = http::FindNumber(response.headers, "Content-Length");
  if (response.status == 200) {
    if (const auto info = InfoOf(name, response, length)) return info;
  }
  // An answer to HEAD has no body to say why. A GET of one byte has; and the size too.
  request = Getting(name);
  request.headers.push_back({"Range", ByteRange{.offset = 0, .length = 1}.ToHeader()});
  response = client_->Send(request);
  if (IsNoSuchKey(ParseS3Failure(response))) return std::nullopt;
  if (response.status == 206 || response.status == 200 || response.status == 416) {
    if (const auto info = InfoOf(name, response, WholeSize(response))) return info;
    throw Error(ErrorKind::kUnavailable,
                fmt::format("{}: the store tells neither size nor time", client_->Describe(name)));
  }
  throw client_->Failure(response, request, kGetAction);
}

void S3Storage::List(std::string_view prefix, std::string_view after,
                     const std::function<void(const ObjectInfo&)>& visit) {
  ListS3(*client_, {.prefix = std::string(prefix), .after = std::string(after)}, visit);
}

// Unknown counts as there: a DELETE of nothing does no harm.
bool S3Storage::MayExist(std::string_view name) {
  try {
    return Stat(name).has_value();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kDenied) throw;
    return true;
  }
}

RemoveOutcome S3Storage::Remove(std::string_view name) {
  CheckName(name);
  if (!MayExist(name)) return RemoveOutcome::kWasAbsent;
  const S3Request request{.method = "DELETE", .key = std::string(name)};
  const http::Response response = client_->Send(request);
  if (response.status >= 200 && response.status < 300) return RemoveOutcome::kRemoved;
  if (IsNoSuchKey(ParseS3Failure(response))) return RemoveOutcome::kWasAbsent;
  throw client_->Failure(response, request, "s3:DeleteObject");
}

base::Time S3Storage::StoreTime() {
  const S3Request request{.method = "HEAD"};
  const http::Response response = client_->Send(request);
  const std::string* date = http::Find(response.headers, "Date");
  const auto time = date == nullptr ? std::nullopt : http::ParseDate(*date);
  // Who may not look at the bucket is told the time all the same.
  if (time && (response.status == 200 || response.status == 403)) return *time;
  if (response.status == 200) {
    throw Error(ErrorKind::kUnavailable,
                fmt::format("{} does not tell its time", client_->description()));
  }
  const S3Request why{.query = {{"list-type", "2"}, {"max-keys", "1"}}};
  const http::Response reason = client_->Send(why);
  if (reason.status >= 300) throw client_->Failure(reason, why, "s3:ListBucket");
  throw client_->Failure(response, request, "s3:ListBucket");
}

StorageTraits S3Storage::traits() const {
  return {.atomic_put_if_absent = putter_.put_if_absent() == PutIfAbsent::kHonoured,
          .description = client_->description()};
}

}  // namespace holdfast::storage
