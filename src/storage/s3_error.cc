#include "storage/s3_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <pugixml.hpp>
#include <span>
#include <utility>
#include <vector>

#include "base/time_text.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t kMostOfAMessage = 300;

bool IsOneOf(std::string_view code, std::span<const std::string_view> codes) {
  return std::ranges::find(codes, code) != codes.end();
}

std::optional<base::Time> TimeOf(const std::string& text) {
  try {
    return base::ParseTime(text, "UTC");
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string HeaderOf(const http::Response& response, std::string_view name) {
  const std::string* value = http::Find(response.headers, name);
  return value == nullptr ? std::string() : *value;
}

// Codes for the moment, whatever status they come with.
constexpr std::array<std::string_view, 15> kPassing = {"SlowDown",
                                                       "SlowDownRead",
                                                       "SlowDownWrite",
                                                       "InternalError",
                                                       "ServiceUnavailable",
                                                       "RequestTimeout",
                                                       "Throttling",
                                                       "ThrottlingException",
                                                       "RequestLimitExceeded",
                                                       "OperationAborted",
                                                       "ConditionalRequestConflict",
                                                       "BandwidthLimitExceeded",
                                                       "BadDigest",
                                                       "XAmzContentSHA256Mismatch",
                                                       "IncompleteBody"};

constexpr std::array<std::string_view, 6> kNoRoom = {
    "QuotaExceeded",        "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull",
    "StorageQuotaExceeded", "StorageLimitExceeded",           "InsufficientCapacity"};

constexpr std::array<std::string_view, 4> kBadToken = {
    "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "ExpiredTokenException"};

constexpr std::array<std::string_view, 4> kWrongSetting = {
    "InvalidStorageClass", "InvalidBucketName", "InvalidLocationConstraint",
    "KMS.NotFoundException"};

bool IsPassing(const S3Failure& failure) {
  const int status = failure.status;
  return IsOneOf(failure.code, kPassing) || status == 408 || status == 409 || status == 425 ||
         status == 429 || (status >= 500 && status != 501 && status != 505 && status != 507);
}

// The store's own words, with what may be needed to ask its operator.
std::string Said(const S3Failure& failure) {
  if (failure.code.empty()) return fmt::format("status {}", failure.status);
  if (failure.message.empty()) return failure.code;
  return fmt::format("{}: {}", failure.code, failure.message);
}

Error SkewError(const S3Failure& failure, const FailedRequest& request) {
  std::string off = "is off";
  if (failure.server_time) {
    const base::Duration ahead = request.now - *failure.server_time;
    off = fmt::format("is {} {} the store's",
                      base::FormatDuration(ahead < ahead.zero() ? -ahead : ahead),
                      ahead < ahead.zero() ? "behind" : "ahead of");
  }
  return Error(ErrorKind::kDenied,
               fmt::format("{}: the clock of this machine {}", request.what, off),
               {"set it, best by NTP (timedatectl set-ntp true): S3 refuses requests whose time is "
                "more than 15 minutes wrong"});
}

// The codes that say what is to be done.
std::optional<Error> KnownError(const S3Failure& failure, const FailedRequest& request) {
  const std::string& code = failure.code;
  const auto error = [&](ErrorKind kind, std::string_view sentence, std::string hint) {
    return Error(kind, fmt::format("{}: {}", request.what, sentence), {std::move(hint)});
  };
  if (code == "NoSuchBucket") {
    return error(ErrorKind::kNotFound, fmt::format("there is no bucket {}", request.bucket),
                 "create it with the store's own tools, or correct the URL and the endpoint");
  }
  if (code == "InvalidAccessKeyId") {
    return error(ErrorKind::kDenied,
                 fmt::format("the store does not know the access key {}", request.access_key_id),
                 "is it of this store, not another's, and not deleted?");
  }
  if (code == "SignatureDoesNotMatch") {
    return error(ErrorKind::kDenied,
                 fmt::format("the secret does not fit the access key {}", request.access_key_id),
                 "look at secret_access_key: one character missing, or a space too many?");
  }
  if (code == "RequestTimeTooSkewed") return SkewError(failure, request);
  if (IsAboutToken(failure)) {
    return error(ErrorKind::kDenied, "the session token has expired or is not the store's",
                 "get new credentials, or let holdfast fetch them itself (a profile or a role)");
  }
  if (code == "AccessDenied") {
    return error(
        ErrorKind::kDenied, fmt::format("access is denied ({})", Said(failure)),
        fmt::format("the access key {} needs {} there", request.access_key_id, request.action));
  }
  if (IsOneOf(code, kNoRoom) || failure.status == 507) {
    return error(ErrorKind::kDenied, fmt::format("there is no room left ({})", Said(failure)),
                 "raise the quota, or make room; nothing that was stored is lost");
  }
  if (code == "InvalidObjectState") {
    return error(ErrorKind::kDenied,
                 "the object was moved to an archive and cannot be read at once",
                 "restore it with the store's own tools, and end the lifecycle rule that moved it");
  }
  if (IsOneOf(code, kWrongSetting)) {
    return error(ErrorKind::kUsage, Said(failure), "correct the settings of the repository");
  }
  return std::nullopt;
}

Error RedirectError(const S3Failure& failure, const FailedRequest& request) {
  if (!failure.location.empty()) {
    return Error(ErrorKind::kUsage,
                 fmt::format("{}: the endpoint sends to {}", request.what, failure.location),
                 {"write that server as the endpoint, with https:// if it says so"});
  }
  return Error(ErrorKind::kUsage,
               fmt::format("{}: the bucket is elsewhere ({})", request.what, Said(failure)),
               {"set region, and endpoint if the store is not Amazon's"});
}

}  // namespace

S3Failure ParseS3Failure(const http::Response& response) {
  S3Failure failure{.status = response.status,
                    .region = HeaderOf(response, "x-amz-bucket-region"),
                    .location = HeaderOf(response, "Location"),
                    .server_time = http::ParseDate(HeaderOf(response, "Date"))};
  pugi::xml_document document;
  if (!document.load_buffer(response.body.data(), response.body.size())) return failure;
  // STS wraps it once more.
  pugi::xml_node error = document.child("Error");
  if (!error) error = document.child("ErrorResponse").child("Error");
  failure.code = error.child_value("Code");
  failure.message = std::string(error.child_value("Message")).substr(0, kMostOfAMessage);
  if (const std::string region = error.child_value("Region"); !region.empty()) {
    failure.region = region;
  }
  if (const auto time = TimeOf(error.child_value("ServerTime"))) failure.server_time = time;
  return failure;
}

bool IsAboutToken(const S3Failure& failure) { return IsOneOf(failure.code, kBadToken); }

bool IsNoSuchKey(const S3Failure& failure) {
  return failure.status == 404 && failure.code == "NoSuchKey";
}

Error ToError(const S3Failure& failure, const FailedRequest& request) {
  if (auto known = KnownError(failure, request)) return std::move(*known);
  if (IsPassing(failure)) {
    return Error(ErrorKind::kUnavailable, fmt::format("{}: the store cannot at the moment ({})",
                                                      request.what, Said(failure)));
  }
  if (failure.status >= 300 && failure.status < 400) return RedirectError(failure, request);
  if (failure.code.empty() && failure.status != 403 && failure.status != 401) {
    return Error(
        ErrorKind::kUnavailable,
        fmt::format("{}: the answer is not an S3 store's ({})", request.what, Said(failure)),
        {"is the endpoint that of the S3 interface, and nothing in between that answers "
         "for it?"});
  }
  return Error(ErrorKind::kDenied, fmt::format("{}: refused ({})", request.what, Said(failure)),
               {fmt::format("it was {}", request.action)});
}

}  // namespace holdfast::storage
