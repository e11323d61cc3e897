#include "http/connect_failure.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/time_text.h"

namespace holdfast::http {

namespace {

using base::Error;
using base::ErrorKind;

std::string HowAborted(const Failure& failure) {
  const std::string after = base::FormatDuration(failure.elapsed);
  switch (failure.abort) {
    case Abort::kStalled:
      return fmt::format("stopped answering; given up after {}", after);
    case Abort::kTooSlow:
      return fmt::format("is too slow; given up after {}", after);
    case Abort::kTooLong:
      return "answers with more than was asked for";
    case Abort::kBadHeaders:
      return "answers with headers that do not end";
    case Abort::kNone:
      break;
  }
  return {};
}

// libcurl's sentences begin with a capital; ours do not.
std::string Reason(const Failure& failure) {
  std::string text(failure.reason.empty() ? curl_easy_strerror(failure.code) : failure.reason);
  while (text.ends_with('\n') || text.ends_with('.')) text.pop_back();
  return text;
}

Error Unavailable(std::string message, std::vector<std::string> hints = {}) {
  return Error(ErrorKind::kUnavailable, std::move(message), std::move(hints));
}

}  // namespace

std::string_view OriginOf(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return url.substr(0, url.find_first_of("/?"));
  return url.substr(0, url.find_first_of("/?", scheme + 3));
}

Error ConnectFailure(const Failure& failure) {
  const std::string_view origin = OriginOf(failure.url);
  if (failure.abort != Abort::kNone) {
    return Unavailable(fmt::format("{} {}", origin, HowAborted(failure)));
  }
  const std::string reason = Reason(failure);
  switch (failure.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Unavailable(fmt::format("the name of {} cannot be resolved: {}", origin, reason),
                         {"is the endpoint spelled right, and does this machine have DNS?"});
    case CURLE_COULDNT_CONNECT:
      return Unavailable(fmt::format("{} cannot be reached: {}", origin, reason),
                         {"is it running, the port right, and no firewall between?"});
    case CURLE_OPERATION_TIMEDOUT:
      return Unavailable(fmt::format("{} did not answer in time: {}", origin, reason));
    case CURLE_PEER_FAILED_VERIFICATION:
      return Error(ErrorKind::kDenied,
                   fmt::format("the certificate of {} is not trusted: {}", origin, reason),
                   {"name the certificate of its authority with ca_file, or install it on this "
                    "machine (update-ca-certificates)"});
    case CURLE_SSL_CACERT_BADFILE:
      return Error(ErrorKind::kUsage,
                   fmt::format("the certificates in {} cannot be read: {}",
                               failure.ca_file ? failure.ca_file->native() : "the system", reason),
                   {"ca_file must be a file of PEM certificates that this user may read"});
    case CURLE_SSL_CONNECT_ERROR:
      return Unavailable(fmt::format("no TLS connection to {} can be made: {}", origin, reason),
                         {fmt::format("if it speaks plain HTTP, write the endpoint as http{}",
                                      origin.starts_with("https") ? origin.substr(5) : origin)});
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return Unavailable(fmt::format("{} broke off in the middle: {}", origin, reason));
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Error(ErrorKind::kUsage, fmt::format("{} is no address of HTTP: {}", origin, reason),
                   {"write it as https://host or https://host:port"});
    default:
      return Unavailable(fmt::format("the request to {} failed: {}", origin, reason));
  }
}

}  // namespace holdfast::http
