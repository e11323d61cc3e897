#include "storage/s3_storage.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "base/error.h"
#include "storage/s3_listing.h"
#include "storage/s3_probe.h"
#include "storage/s3_range.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view kGetAction = "s3:GetObject";
constexpr std::string_view kListAction = "s3:ListBucket";
// Longer than any probe lasts.
constexpr base::Duration kLeftoverAge = std::chrono::hours(24);

S3Request GetPart(std::string_view name, const ByteRange& range) {
  return {.key = std::string(name),
          .headers = {{"Range", range.ToHeader()}},
          .max_answer = kMaxS3Object};
}

bool HoldsAPart(const http::Response& response) {
  return response.status == 200 || response.status == 206 || response.status == 416;
}

// One attempt. Empty when the object is absent.
std::optional<base::Bytes> GetOnce(S3Client& client, std::string_view name,
                                   const ByteRange& range) {
  const S3Request request = GetPart(name, range);
  http::Response response = client.Send(request);
  if (HoldsAPart(response)) {
    return base::WithContext([&] { return client.Describe(name); },
                             [&] { return CutRange(range, std::move(response)); });
  }
  if (IsNoSuchKey(ParseS3Failure(response))) return std::nullopt;
  throw client.Failure(response, request, kGetAction);
}

bool HasTime(const http::Response& response) {
  const std::string* modified = http::Find(response.headers, "Last-Modified");
  return modified != nullptr && http::ParseDate(*modified);
}

// One attempt; the headers, with the whole size in Content-Length, and Last-Modified.
std::optional<http::Headers> LookOnce(S3Client& client, std::string_view name) {
  http::Response response = client.Send({.method = "HEAD", .key = std::string(name)});
  const bool sized = http::FindNumber(response.headers, "Content-Length").has_value();
  if (response.status == 200 && sized && HasTime(response)) {
    return std::move(response.headers);
  }
  // An answer to HEAD has no body to say why. A GET of one byte has; and the size too.
  const S3Request request = GetPart(name, {.offset = 0, .length = 1});
  response = client.Send(request);
  if (IsNoSuchKey(ParseS3Failure(response))) return std::nullopt;
  const auto size = HoldsAPart(response) ? WholeSize(response) : std::nullopt;
  if (!HoldsAPart(response)) throw client.Failure(response, request, kGetAction);
  if (!size || !HasTime(response)) {
    throw Error(ErrorKind::kUnavailable,
                fmt::format("{}: the store tells neither size nor time", client.Describe(name)));
  }
  std::erase_if(response.headers, [](const http::Header& header) {
    return http::Find({header}, "Content-Length") != nullptr;
  });
  response.headers.push_back({"Content-Length", std::to_string(*size)});
  return std::move(response.headers);
}

base::Time TimeOnce(S3Client& client) {
  const http::Response response = client.Send({.method = "HEAD"});
  const std::string* date = http::Find(response.headers, "Date");
  const auto time = date == nullptr ? std::nullopt : http::ParseDate(*date);
  // Who may not look at the bucket is told the time all the same.
  if (time && (response.status == 200 || response.status == 403)) return *time;
  const S3Request why{.query = {{"list-type", "2"}, {"max-keys", "1"}}};
  const http::Response reason = client.Send(why);
  if (reason.status >= 300) throw client.Failure(reason, why, kListAction);
  throw Error(ErrorKind::kUnavailable,
              fmt::format("{} does not tell its time", client.description()));
}

}  // namespace

S3Storage::S3Storage(std::unique_ptr<S3Client> client, S3StorageOptions options, base::Clock& clock)
    : client_(std::move(client)),
      retrier_(clock, std::move(options.retry), std::move(options.stop)),
      putter_(*client_, std::move(options.put), clock, retrier_,
              [this](std::string_view name) { return Look(name); }) {}

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
  if (range.CanBeAsked()) {
    return retrier_.Run([&] { return GetOnce(*client_, name, range); });
  }
  if (!Look(name)) return std::nullopt;
  return base::Bytes();  // no byte of it can exist; the object does
}

std::optional<http::Headers> S3Storage::Look(std::string_view name) {
  return retrier_.Run([&] { return LookOnce(*client_, name); });
}

std::optional<ObjectInfo> S3Storage::Stat(std::string_view name) {
  CheckName(name);
  const auto headers = Look(name);
  if (!headers) return std::nullopt;
  return ObjectInfo{.name = std::string(name),
                    .size = http::FindNumber(*headers, "Content-Length").value(),
                    .modified = *http::ParseDate(*http::Find(*headers, "Last-Modified"))};
}

void S3Storage::List(std::string_view prefix, std::string_view after,
                     const std::function<void(const ObjectInfo&)>& visit) {
  ListS3(*client_, retrier_, {.prefix = std::string(prefix), .after = std::string(after)}, visit);
}

// Unknown counts as there: a DELETE of nothing does no harm.
bool S3Storage::MayExist(std::string_view name) {
  try {
    return Look(name).has_value();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kDenied) throw;
    return true;
  }
}

RemoveOutcome S3Storage::Remove(std::string_view name) {
  CheckName(name);
  if (!MayExist(name)) return RemoveOutcome::kWasAbsent;
  RemoveKey(name);
  return RemoveOutcome::kRemoved;
}

void S3Storage::RemoveKey(std::string_view key) {
  const S3Request request{.method = "DELETE", .key = std::string(key)};
  retrier_.Run([&] {
    const http::Response response = client_->Send(request);
    const bool gone = response.status >= 200 && response.status < 300;
    if (!gone && !IsNoSuchKey(ParseS3Failure(response))) {
      throw client_->Failure(response, request, "s3:DeleteObject");
    }
    return gone;
  });
}

std::uint64_t S3Storage::RemoveLeftovers() {
  const base::Time now = StoreTime();
  std::vector<std::string> old;
  ListS3(*client_, retrier_, {.prefix = std::string(kProbePrefix), .all_names = true},
         [&](const ObjectInfo& object) {
           if (now - object.modified >= kLeftoverAge) old.push_back(object.name);
         });
  for (const std::string& name : old) RemoveKey(name);
  return old.size();
}

base::Time S3Storage::StoreTime() {
  return retrier_.Run([&] { return TimeOnce(*client_); });
}

StorageTraits S3Storage::traits() const {
  return {.atomic_put_if_absent = putter_.put_if_absent() == PutIfAbsent::kHonoured,
          .description = client_->description()};
}

}  // namespace holdfast::storage
