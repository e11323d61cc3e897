#include "http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "http/testing/local_server.h"

namespace holdfast::http {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;
using testing::HasSubstr;

template <typename Work>
base::Error ThrownBy(Work&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error;
  }
  return {ErrorKind::kInternal, "nothing was thrown"};
}

// A server with one answer for everything.
LocalServer::Handler Always(Reply reply) {
  return [reply](const Received&) { return reply; };
}

TEST(Client, BringsBodiesBothWays) {
  LocalServer server([](const Received& request) {
    return Reply{.headers = {{"X-Seen", request.target}}, .body = "got " + request.body};
  });
  Client client;
  const std::string body(3 * base::kMiB, 'x');  // large enough to be announced before it is sent
  const Response answer = client.Send({.method = "PUT",
                                       .url = server.url() + "/a/b?c=d%2Fe",
                                       .headers = {{"X-Mine", "yes"}, {"X-Empty", ""}},
                                       .body = base::AsBytes(body),
                                       .max_answer = 4 * base::kMiB});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(base::AsText(answer.body), "got " + body);
  ASSERT_NE(Find(answer.headers, "x-SEEN"), nullptr);
  EXPECT_EQ(*Find(answer.headers, "x-seen"), "/a/b?c=d%2Fe");
  const Received seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(*Find(seen.headers, "x-mine"), "yes");
  ASSERT_NE(Find(seen.headers, "x-empty"), nullptr);
}

TEST(Client, SendsEveryMethodAndEmptyBodies) {
  LocalServer server(Always({.status = 204}));
  Client client;
  for (const char* method : {"GET", "HEAD", "PUT", "POST", "DELETE"}) {
    EXPECT_EQ(client.Send({.method = method, .url = server.url() + "/"}).status, 204) << method;
    EXPECT_EQ(server.requests().back().method, method);
  }
}

TEST(Client, AnswersWithTheStatusWhateverItIs) {
  for (const int status : {206, 301, 304, 403, 404, 412, 416, 500, 503}) {
    LocalServer server(
        Always({.status = status, .headers = {{"Location", "http://127.0.0.1:1/"}}}));
    EXPECT_EQ(Client().Send({.url = server.url()}).status, status);
  }
}

TEST(Client, KeepsItsConnection) {
  LocalServer server(Always({.body = "x"}));
  Client client;
  for (int i = 0; i < 10; ++i) client.Send({.url = server.url()});
  EXPECT_EQ(server.connection_count(), 1U);
}

TEST(Client, IsUsedByManyThreadsAtOnce) {
  LocalServer server([](const Received& request) { return Reply{.body = request.target}; });
  Client client;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string target = "/" + std::to_string(t) + "/" + std::to_string(i);
        EXPECT_EQ(base::AsText(client.Send({.url = server.url() + target}).body), target);
      }
    });
  }
  threads.clear();
  EXPECT_LE(server.connection_count(), 8U);
}

TEST(Client, NeverTakesAPartForTheWhole) {
  for (const Reply& reply :
       {Reply{.body = "0123456789", .cut_after = 4}, Reply{.body = "0123456789", .cut_after = 0},
        Reply{.body = "0123", .said_length = 10, .cut_after = 4},
        Reply{.body = "0123456789", .no_length = true}, Reply{.drop = true}}) {
    LocalServer server(Always(reply));
    EXPECT_EQ(ThrownBy([&] { Client().Send({.url = server.url()}); }).kind(),
              ErrorKind::kUnavailable);
  }
}

TEST(Client, TakesTheStatusOfAnErrorWithoutALength) {
  LocalServer server(Always({.status = 503, .body = "busy", .no_length = true}));
  EXPECT_EQ(Client().Send({.url = server.url()}).status, 503);
}

TEST(Client, TakesNoMoreThanWasAskedFor) {
  LocalServer server(Always({.body = std::string(1000, 'x')}));
  Client client;
  EXPECT_EQ(client.Send({.url = server.url(), .max_answer = 1000}).body.size(), 1000U);
  const base::Error error =
      ThrownBy([&] { client.Send({.url = server.url(), .max_answer = 999}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(error.message(), HasSubstr("more than was asked for"));
}

TEST(Client, GivesUpOnAServerThatSaysNothing) {
  LocalServer server(Always({.hang = true}));
  Client client({.stall_timeout = milliseconds(200)});
  const base::Error error = ThrownBy([&] { client.Send({.url = server.url() + "/?secret=x"}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(error.message(), HasSubstr(server.host() + " stopped answering"));
  EXPECT_EQ(error.message().find("secret"), std::string::npos);
}

TEST(Client, GivesUpOnARequestThatTakesTooLongAltogether) {
  LocalServer server(Always({.hang = true}));
  Client client({.total_timeout = milliseconds(200)});
  EXPECT_THAT(ThrownBy([&] { client.Send({.url = server.url()}); }).message(),
              HasSubstr("is too slow"));
}

TEST(Client, SaysWhatCannotBeReached) {
  std::string url;
  {
    LocalServer server(Always({}));
    url = server.url();
  }
  const base::Error refused = ThrownBy([&] { Client().Send({.url = url}); });
  EXPECT_EQ(refused.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(refused.message(), HasSubstr(url + " cannot be reached"));
  EXPECT_FALSE(refused.hints().empty());
}

TEST(Client, SaysThatAPlainServerSpeaksNoTls) {
  LocalServer server(Always({}));
  const base::Error error =
      ThrownBy([&] { Client().Send({.url = "https://" + server.host() + "/"}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(error.hints().at(0), HasSubstr(server.url()));
}

TEST(Client, RefusesWhatIsNoAddress) {
  for (const char* url : {"ftp://host/", "http://", "file:///etc/passwd"}) {
    EXPECT_EQ(ThrownBy([&] { Client().Send({.url = url}); }).kind(), ErrorKind::kUsage) << url;
  }
}

TEST(Client, KeepsToItsRateLimitsInBothDirections) {
  LocalServer server(Always({.body = std::string(300'000, 'x')}));
  base::SystemClock clock;
  const auto limit = std::make_shared<base::RateLimit>(1'000'000, clock);
  // Neither the stall nor the whole may be counted while the limit makes it wait.
  Client client({.stall_timeout = milliseconds(150),
                 .total_timeout = milliseconds(150),
                 .slowest = 100'000'000,
                 .upload_limit = limit,
                 .download_limit = limit});
  const std::string body(300'000, 'y');
  const auto start = std::chrono::steady_clock::now();
  const Response answer =
      client.Send({.method = "PUT", .url = server.url(), .body = base::AsBytes(body)});
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(answer.body.size(), 300'000U);
  EXPECT_EQ(server.requests().at(0).body.size(), 300'000U);
  EXPECT_GE(took, milliseconds(350));  // 600 kB, of which a quarter of a second's pass at once
}

TEST(ParseDate, TakesTheDatesOfHttp) {
  const base::Time expected{std::chrono::seconds(1'795'244'403)};
  EXPECT_EQ(ParseDate("Sat, 21 Nov 2026 07:00:03 GMT"), expected);
  EXPECT_EQ(ParseDate(""), std::nullopt);
  EXPECT_EQ(ParseDate("soon"), std::nullopt);
}

TEST(FindNumber, TakesWholeNumbersOnly) {
  const Headers headers = {{"A", "12"}, {"B", "-1"}, {"C", "1x"}, {"D", ""}};
  EXPECT_EQ(FindNumber(headers, "a"), 12U);
  for (const char* name : {"b", "c", "d", "e"}) EXPECT_EQ(FindNumber(headers, name), std::nullopt);
}

}  // namespace
}  // namespace holdfast::http
