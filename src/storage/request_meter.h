// Counts what is asked of a store over the network, as its bills do.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/synchronized.h"

namespace holdfast::storage {

struct RequestCounts {
  std::uint64_t put = 0;
  std::uint64_t list = 0;  // 1000 names at a time, and what is asked of the bucket itself
  std::uint64_t get = 0;   // of whole objects and parts
  std::uint64_t head = 0;
  std::uint64_t remove = 0;
  std::uint64_t bytes_sent = 0;      // of contents
  std::uint64_t bytes_received = 0;  // of contents and answers
  bool operator==(const RequestCounts&) const = default;
};

// Thread-safe. Repeated requests count each time: they are paid for each time.
class RequestMeter {
 public:
  void Sent(std::string_view method, bool of_bucket, std::uint64_t bytes);
  void Received(std::uint64_t bytes);
  RequestCounts counts() const;

 private:
  base::Synchronized<RequestCounts> counts_;
};

}  // namespace holdfast::storage
