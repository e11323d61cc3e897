// Tests of failures: what was thrown, and a server that never answers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string_view>

#include "base/error.h"

namespace holdfast::pg {

template <typename Work>
base::Error ErrorOf(Work&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error;
  }
  throw std::runtime_error("nothing was thrown");
}

template <typename Work>
void ExpectError(base::ErrorKind kind, std::string_view part, Work&& work) {
  const base::Error error = ErrorOf(work);
  EXPECT_EQ(base::ErrorKindName(error.kind()), base::ErrorKindName(kind)) << error.message();
  EXPECT_THAT(error.message(), testing::HasSubstr(std::string(part)));
}

// A TCP port whose connections are accepted by the kernel and answered by nobody.
class SilentListener {
 public:
  SilentListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_, generic, size) != 0 || ::listen(fd_, 5) != 0 ||
        ::getsockname(fd_, generic, &size) != 0) {
      throw base::SystemError(errno, "cannot listen");
    }
    port_ = ntohs(address.sin_port);
  }
  ~SilentListener() { ::close(fd_); }
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;

  int port() const { return port_; }

 private:
  int fd_;
  int port_ = 0;
};

}  // namespace holdfast::pg
