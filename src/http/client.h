// Requests over HTTP, bounded in time and size.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/file.h"
#include "base/rate_limit.h"
#include "base/synchronized.h"
#include "http/message.h"

namespace holdfast::http {

struct ClientOptions {
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);  // name and TLS included
  // No byte in either direction for this long, the wait for the answer included.
  std::chrono::milliseconds stall_timeout = std::chrono::seconds(60);
  // The whole request; and a transfer slower than `slowest` bytes a second on average after that.
  std::chrono::milliseconds total_timeout = std::chrono::minutes(5);
  std::uint64_t slowest = 16 * base::kKiB;
  // Certificates of authorities to trust instead of the system's.
  std::optional<base::Path> ca_file{};
  std::string user_agent = "holdfast";
  // Bodies count, headers do not. Time spent waiting for them counts for no timeout.
  std::shared_ptr<base::RateLimit> upload_limit{};
  std::shared_ptr<base::RateLimit> download_limit{};
  // After a requested stop, a request that does not move ends soon; new ones still work, so that
  // what was begun can be cleared away.
  std::stop_token stop{};
};

// Thread-safe: each request takes an idle connection or makes one, and leaves it for the next.
// HTTP/1.1, http and https only; redirects are answers like any other. Proxies as the environment
// says (http_proxy, https_proxy, no_proxy).
class Client {
 public:
  explicit Client(ClientOptions options = {});
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // Any status is an answer. Error(kUnavailable) when there is none, or not all of it: not
  // reached, a timeout, a reset, a body of another length than was said, or of which no length was
  // said. Error(kDenied) when the server's certificate is not trusted; Error(kUsage) for a URL or
  // a `ca_file` of no use. Messages name the host, never headers or the query.
  Response Send(const Request& request);

 private:
  class Connection;
  using Connections = std::vector<std::unique_ptr<Connection>>;

  std::unique_ptr<Connection> Acquire();

  ClientOptions options_;
  base::Synchronized<Connections> idle_;
};

}  // namespace holdfast::http
