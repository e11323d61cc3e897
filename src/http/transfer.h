// One request on its way: what libcurl calls back into.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "http/client.h"

namespace holdfast::http {

// Why a transfer was ended by us.
enum class Abort { kNone, kStalled, kTooSlow, kTooLong, kBadHeaders };

class Transfer {
 public:
  // Both must outlive the transfer.
  Transfer(const ClientOptions& options, const Request& request);

  // Makes `easy` call this.
  void Attach(CURL* easy);

  Abort abort() const { return abort_; }
  std::chrono::milliseconds elapsed() const;
  // Whether the end of the answer's body is told by more than the connection's end.
  bool HasLength() const;
  Response Take() { return std::move(response_); }
  const Response& response() const { return response_; }

 private:
  using Clock = std::chrono::steady_clock;

  std::size_t TakeHeader(std::string_view line);
  std::size_t TakeBody(base::ByteView piece);
  std::size_t GiveBody(base::MutableByteView room);
  bool Rewind(std::uint64_t offset);
  // False ends the transfer.
  bool Progress(std::uint64_t moved);
  bool End(Abort reason);
  void WaitFor(base::RateLimit* limit, std::size_t bytes);
  std::chrono::milliseconds LongestStall() const;

  const ClientOptions& options_;
  const Request& request_;
  Response response_;
  Abort abort_ = Abort::kNone;
  std::size_t header_bytes_ = 0;
  std::size_t sent_ = 0;
  std::uint64_t moved_ = 0;
  Clock::time_point started_ = Clock::now();
  Clock::time_point last_moved_ = started_;
  Clock::duration limited_{};  // spent waiting for the rate limits
};

}  // namespace holdfast::http
