#include "storage/s3_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_text.h"

namespace holdfast::storage {
namespace {

using base::ErrorKind;
using testing::HasSubstr;

http::Response Answer(int status, std::string_view code, std::string_view more = "") {
  const std::string body = code.empty()
                               ? std::string(more)
                               : "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" +
                                     std::string(code) + "</Code>" + std::string(more) + "</Error>";
  return {.status = status, .headers = {}, .body = base::ToBytes(body)};
}

base::Error ErrorOf(const http::Response& answer) {
  return ToError(ParseS3Failure(answer), {.what = "s3://b/x",
                                          .action = "s3:GetObject",
                                          .bucket = "b",
                                          .access_key_id = "AKIA1",
                                          .now = base::ParseTime("2026-11-21T08:00:00Z", "UTC")});
}

TEST(S3Error, TellsWhatMayPassFromWhatWillNot) {
  const std::vector<std::tuple<int, const char*, ErrorKind>> cases = {
      {503, "SlowDown", ErrorKind::kUnavailable},
      {503, "ServiceUnavailable", ErrorKind::kUnavailable},
      {500, "InternalError", ErrorKind::kUnavailable},
      {502, "", ErrorKind::kUnavailable},
      {504, "", ErrorKind::kUnavailable},
      {429, "TooManyRequests", ErrorKind::kUnavailable},
      {400, "RequestTimeout", ErrorKind::kUnavailable},
      {400, "BadDigest", ErrorKind::kUnavailable},
      {400, "IncompleteBody", ErrorKind::kUnavailable},
      {409, "ConditionalRequestConflict", ErrorKind::kUnavailable},
      {409, "OperationAborted", ErrorKind::kUnavailable},
      {403, "AccessDenied", ErrorKind::kDenied},
      {403, "InvalidAccessKeyId", ErrorKind::kDenied},
      {403, "SignatureDoesNotMatch", ErrorKind::kDenied},
      {403, "RequestTimeTooSkewed", ErrorKind::kDenied},
      {403, "SomethingNew", ErrorKind::kDenied},
      {403, "", ErrorKind::kDenied},
      {400, "ExpiredToken", ErrorKind::kDenied},
      {403, "QuotaExceeded", ErrorKind::kDenied},
      {507, "XMinioStorageFull", ErrorKind::kDenied},
      {403, "InvalidObjectState", ErrorKind::kDenied},
      {400, "InvalidStorageClass", ErrorKind::kUsage},
      {404, "NoSuchBucket", ErrorKind::kNotFound},
      {301, "PermanentRedirect", ErrorKind::kUsage},
      // Somebody else's 404 says nothing about an object.
      {404, "", ErrorKind::kUnavailable},
      {405, "MethodNotAllowed", ErrorKind::kDenied},
      {501, "NotImplemented", ErrorKind::kDenied}};
  for (const auto& [status, code, kind] : cases) {
    const base::Error error = ErrorOf(Answer(status, code));
    EXPECT_EQ(base::ErrorKindName(error.kind()), base::ErrorKindName(kind)) << status << code;
    EXPECT_THAT(error.message(), testing::StartsWith("s3://b/x: "));
    EXPECT_TRUE(kind == ErrorKind::kUnavailable || !error.hints().empty()) << code;
  }
}

TEST(S3Error, SaysWhichRightIsMissing) {
  const base::Error error = ErrorOf(Answer(403, "AccessDenied", "<Message>no</Message>"));
  EXPECT_THAT(error.message(), HasSubstr("AccessDenied: no"));
  EXPECT_THAT(error.hints().at(0), testing::AllOf(HasSubstr("AKIA1"), HasSubstr("s3:GetObject")));
}

TEST(S3Error, SaysByHowMuchTheClockIsOff) {
  const auto message = [](const char* server_time) {
    return ErrorOf(Answer(403, "RequestTimeTooSkewed",
                          "<ServerTime>" + std::string(server_time) + "</ServerTime>"))
        .message();
  };
  EXPECT_THAT(message("2026-11-21T09:02:00Z"), HasSubstr("is 1 h 2 min behind the store's"));
  EXPECT_THAT(message("2026-11-21T07:00:00.000Z"), HasSubstr("is 1 h ahead of the store's"));
  EXPECT_THAT(message("soon"), HasSubstr("is off"));
  http::Response by_header = Answer(403, "RequestTimeTooSkewed");
  by_header.headers.push_back({"Date", "Sat, 21 Nov 2026 08:20:00 GMT"});
  EXPECT_THAT(ErrorOf(by_header).message(), HasSubstr("is 20 min behind the store's"));
}

TEST(S3Error, SaysWhereItWasSentInstead) {
  http::Response answer = Answer(301, "", "<html>moved</html>");
  answer.headers.push_back({"Location", "https://real.example/x"});
  EXPECT_THAT(ErrorOf(answer).message(), HasSubstr("https://real.example/x"));
}

TEST(S3Error, FindsTheRegionInBodyAndHeader) {
  EXPECT_EQ(
      ParseS3Failure(Answer(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"))
          .region,
      "eu-west-1");
  http::Response answer = Answer(301, "");
  answer.headers.push_back({"X-Amz-Bucket-Region", "eu-north-1"});
  EXPECT_EQ(ParseS3Failure(answer).region, "eu-north-1");
}

TEST(S3Error, SurvivesBodiesOfAnyKind) {
  for (const char* body : {"<", "<Error>", "<Error><Code>A</Code", "\0\xff", "{}", "<html/>"}) {
    EXPECT_EQ(ParseS3Failure({.status = 400, .headers = {}, .body = base::ToBytes(body)}).code, "")
        << body;
  }
}

TEST(S3Error, TakesTheErrorOfTheTokenServiceToo) {
  const http::Response answer{
      .status = 403,
      .headers = {},
      .body = base::ToBytes("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                            "<Error><Type>Sender</Type><Code>AccessDenied</Code></Error>"
                            "</ErrorResponse>")};
  EXPECT_EQ(ParseS3Failure(answer).code, "AccessDenied");
}

}  // namespace
}  // namespace holdfast::storage
