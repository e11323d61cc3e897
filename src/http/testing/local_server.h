// A server on this machine's loopback that answers as told, also badly.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/synchronized.h"
#include "http/message.h"

namespace holdfast::http {

struct Received {
  std::string method;
  std::string target;  // "/path?query", as it came
  Headers headers;
  std::string body;
};

struct Reply {
  int status = 200;
  Headers headers{};
  std::string body{};
  // What Content-Length says, when that is not the truth. 0 with `no_length`: none is said.
  std::optional<std::uint64_t> said_length{};
  bool no_length = false;
  // Close the connection after this much of the body.
  std::optional<std::size_t> cut_after{};
  // Say nothing, until the server ends.
  bool hang = false;
  // Close the connection without a word.
  bool drop = false;
};

// Answers each connection in a thread of its own; connections are kept open between requests. All
// ends with the server.
class LocalServer {
 public:
  using Handler = std::function<Reply(const Received&)>;

  explicit LocalServer(Handler handler);
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;
  ~LocalServer();

  // "http://127.0.0.1:12345".
  std::string url() const { return "http://" + host(); }
  std::string host() const;
  // So far, oldest first.
  std::vector<Received> requests() const;
  std::size_t connection_count() const;

 private:
  struct State {
    std::vector<Received> requests;
    std::vector<int> sockets;
    std::vector<std::jthread> threads;
    bool ending = false;
  };

  void Accept();
  void Serve(int fd);

  Handler handler_;
  base::File listener_;
  std::uint16_t port_ = 0;
  base::Synchronized<State> state_;
  std::jthread accepting_;
};

}  // namespace holdfast::http
