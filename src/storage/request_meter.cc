#include "storage/request_meter.h"

namespace holdfast::storage {

namespace {

std::uint64_t& CounterOf(RequestCounts& counts, std::string_view method, bool of_bucket) {
  if (of_bucket) return counts.list;
  if (method == "PUT" || method == "POST") return counts.put;
  if (method == "HEAD") return counts.head;
  return method == "DELETE" ? counts.remove : counts.get;
}

}  // namespace

void RequestMeter::Sent(std::string_view method, bool of_bucket, std::uint64_t bytes) {
  counts_.With([&](RequestCounts& counts) {
    ++CounterOf(counts, method, of_bucket);
    counts.bytes_sent += bytes;
  });
}

void RequestMeter::Received(std::uint64_t bytes) {
  counts_.With([&](RequestCounts& counts) { counts.bytes_received += bytes; });
}

RequestCounts RequestMeter::counts() const {
  return counts_.With([](const RequestCounts& counts) { return counts; });
}

}  // namespace holdfast::storage
