#include "http/testing/local_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"

namespace holdfast::http {

namespace {

// What comes in over a connection, cut into requests.
class Incoming {
 public:
  explicit Incoming(int fd) : fd_(fd) {}

  // Empty at the end of the connection, and for what is no HTTP (TLS, which is told so).
  std::optional<Received> Next() {
    if (buffer_.empty() && !Fill()) return std::nullopt;
    if (buffer_.front() < 'A' || buffer_.front() > 'Z') {
      Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
      return std::nullopt;
    }
    const auto head = Until("\r\n\r\n");
    if (!head) return std::nullopt;
    Received request = Parse(*head);
    if (const std::string* expect = Find(request.headers, "Expect")) {
      if (*expect == "100-continue") Send("HTTP/1.1 100 Continue\r\n\r\n");
    }
    const auto length = FindNumber(request.headers, "Content-Length").value_or(0);
    while (buffer_.size() < length) {
      if (!Fill()) return std::nullopt;
    }
    request.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return request;
  }

  bool Send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Waits for the other side, or the server, to close.
  void WaitForEnd() {
    while (Fill()) {
    }
  }

 private:
  static Received Parse(const std::string& head) {
    Received request;
    const auto first = head.find(' ');
    const auto second = head.find(' ', first + 1);
    request.method = head.substr(0, first);
    request.target = head.substr(first + 1, second - first - 1);
    auto at = head.find("\r\n");
    while (at != std::string::npos) {
      const auto end = head.find("\r\n", at + 2);
      const std::string line = head.substr(at + 2, end - at - 2);
      const auto colon = line.find(':');
      if (colon != std::string::npos) {
        const auto value = line.find_first_not_of(' ', colon + 1);
        request.headers.push_back(
            {line.substr(0, colon), value == std::string::npos ? "" : line.substr(value)});
      }
      at = end;
    }
    return request;
  }

  std::optional<std::string> Until(std::string_view mark) {
    while (true) {
      const auto found = buffer_.find(mark);
      if (found != std::string::npos) {
        std::string text = buffer_.substr(0, found);
        buffer_.erase(0, found + mark.size());
        return text;
      }
      if (!Fill()) return std::nullopt;
    }
  }

  bool Fill() {
    std::array<char, 65536> piece{};
    const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
    if (got <= 0) return false;
    buffer_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }

  int fd_;
  std::string buffer_;
};

std::string Head(const Reply& reply, bool head_only) {
  std::string text = fmt::format("HTTP/1.1 {} Status\r\n", reply.status);
  for (const Header& header : reply.headers) {
    text += fmt::format("{}: {}\r\n", header.name, header.value);
  }
  const bool bodiless = reply.status == 204 || reply.status == 304;
  const bool own = head_only && Find(reply.headers, "Content-Length") != nullptr;
  if (!reply.no_length && !bodiless && !own) {
    text += fmt::format("Content-Length: {}\r\n", reply.said_length.value_or(reply.body.size()));
  }
  return text + "\r\n";
}

}  // namespace

LocalServer::LocalServer(Handler handler) : handler_(std::move(handler)) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw base::SystemError(errno, "socket");
  listener_ = base::File(fd, "listener");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd, any, size) != 0 || ::listen(fd, 64) != 0 || ::getsockname(fd, any, &size) != 0) {
    throw base::SystemError(errno, "listen");
  }
  port_ = ntohs(address.sin_port);
  accepting_ = std::jthread([this] { Accept(); });
}

LocalServer::~LocalServer() {
  state_.With([](State& state) { state.ending = true; });
  ::shutdown(listener_.fd(), SHUT_RDWR);
  accepting_.join();
  auto threads = state_.With([](State& state) {
    for (const int fd : state.sockets) ::shutdown(fd, SHUT_RDWR);
    return std::exchange(state.threads, {});
  });
  threads.clear();
  state_.With([](State& state) {
    for (const int fd : state.sockets) ::close(fd);
  });
}

std::string LocalServer::host() const { return fmt::format("127.0.0.1:{}", port_); }

std::vector<Received> LocalServer::requests() const {
  return state_.With([](const State& state) { return state.requests; });
}

std::size_t LocalServer::connection_count() const {
  return state_.With([](const State& state) { return state.sockets.size(); });
}

void LocalServer::Accept() {
  while (true) {
    const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;  // head and body are sent apart
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    state_.With([&](State& state) {
      state.sockets.push_back(fd);
      if (state.ending) return;
      state.threads.emplace_back([this, fd] {
        Serve(fd);
        ::shutdown(fd, SHUT_RDWR);
      });
    });
  }
}

void LocalServer::Serve(int fd) {
  Incoming incoming(fd);
  while (const auto request = incoming.Next()) {
    state_.With([&](State& state) { state.requests.push_back(*request); });
    const Reply reply = handler_(*request);
    if (reply.hang) incoming.WaitForEnd();
    if (reply.hang || reply.drop) return;
    const bool head_only = request->method == "HEAD";
    if (!incoming.Send(Head(reply, head_only))) return;
    if (head_only) continue;
    const std::string_view body = reply.body;
    if (!incoming.Send(body.substr(0, reply.cut_after.value_or(body.size())))) return;
    if (reply.cut_after || reply.no_length) return;
  }
}

}  // namespace holdfast::http
