#include "http/transfer.h"

#include <algorithm>
#include <cstring>

namespace holdfast::http {

namespace {

constexpr std::size_t kMaxHeaderBytes = 64 * base::kKiB;
// Reserved at once for an answer that says how long it will be; a longer one grows as it comes.
constexpr std::uint64_t kMostReserved = 256 * base::kMiB;
constexpr std::chrono::seconds kStallWhenStopped{5};

std::string_view Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

base::MutableByteView AsBytes(char* data, std::size_t size) {
  return {reinterpret_cast<std::uint8_t*>(data), size};
}

}  // namespace

Transfer::Transfer(const ClientOptions& options, const Request& request)
    : options_(options), request_(request) {}

void Transfer::Attach(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(
      easy, CURLOPT_HEADERFUNCTION, +[](char* data, std::size_t, std::size_t size, void* self) {
        return static_cast<Transfer*>(self)->TakeHeader({data, size});
      });
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(
      easy, CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t, std::size_t size, void* self) {
        return static_cast<Transfer*>(self)->TakeBody(AsBytes(data, size));
      });
  curl_easy_setopt(easy, CURLOPT_READDATA, this);
  curl_easy_setopt(
      easy, CURLOPT_READFUNCTION, +[](char* data, std::size_t one, std::size_t size, void* self) {
        return static_cast<Transfer*>(self)->GiveBody(AsBytes(data, one * size));
      });
  curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
  curl_easy_setopt(
      easy, CURLOPT_SEEKFUNCTION, +[](void* self, curl_off_t offset, int origin) {
        const bool done = origin == SEEK_SET &&
                          static_cast<Transfer*>(self)->Rewind(static_cast<std::uint64_t>(offset));
        return done ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
      });
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, this);
  curl_easy_setopt(
      easy, CURLOPT_XFERINFOFUNCTION,
      +[](void* self, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
        return static_cast<Transfer*>(self)->Progress(static_cast<std::uint64_t>(down + up)) ? 0
                                                                                             : 1;
      });
}

std::chrono::milliseconds Transfer::elapsed() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
}

bool Transfer::HasLength() const {
  return Find(response_.headers, "content-length") != nullptr ||
         Find(response_.headers, "transfer-encoding") != nullptr;
}

std::size_t Transfer::TakeHeader(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaderBytes) return End(Abort::kBadHeaders) ? line.size() : 0;
  if (line.starts_with("HTTP/")) response_.headers.clear();  // "100 Continue" came before
  const auto colon = line.find(':');
  if (colon != std::string_view::npos && !line.starts_with("HTTP/")) {
    response_.headers.push_back({std::string(Trimmed(line.substr(0, colon))),
                                 std::string(Trimmed(line.substr(colon + 1)))});
  }
  return line.size();
}

std::size_t Transfer::TakeBody(base::ByteView piece) {
  base::Bytes& body = response_.body;
  if (piece.size() > request_.max_answer - body.size()) {
    return End(Abort::kTooLong) ? piece.size() : 0;
  }
  if (body.empty()) {
    const auto length = FindNumber(response_.headers, "content-length").value_or(0);
    body.reserve(std::min({length, request_.max_answer, kMostReserved}));
  }
  body.insert(body.end(), piece.begin(), piece.end());
  WaitFor(options_.download_limit.get(), piece.size());
  return piece.size();
}

std::size_t Transfer::GiveBody(base::MutableByteView room) {
  const base::ByteView rest = request_.body.subspan(sent_);
  const std::size_t count = std::min(rest.size(), room.size());
  WaitFor(options_.upload_limit.get(), count);
  std::copy_n(rest.begin(), count, room.begin());
  sent_ += count;
  return count;
}

bool Transfer::Rewind(std::uint64_t offset) {
  if (offset > request_.body.size()) return false;
  sent_ = offset;
  return true;
}

bool Transfer::Progress(std::uint64_t moved) {
  const auto now = Clock::now();
  // It falls when libcurl begins again on another connection.
  if (moved != moved_) last_moved_ = now;
  moved_ = moved;
  if (now - last_moved_ > LongestStall()) return End(Abort::kStalled);
  const auto spent = now - started_ - limited_;
  const auto allowed =
      options_.total_timeout +
      std::chrono::milliseconds(moved * 1000 / std::max<std::uint64_t>(options_.slowest, 1));
  return spent <= allowed || End(Abort::kTooSlow);
}

bool Transfer::End(Abort reason) {
  abort_ = reason;
  return false;
}

void Transfer::WaitFor(base::RateLimit* limit, std::size_t bytes) {
  if (limit == nullptr || bytes == 0) return;
  limited_ += limit->Take(bytes, options_.stop);
  last_moved_ = Clock::now();
}

std::chrono::milliseconds Transfer::LongestStall() const {
  if (!options_.stop.stop_requested()) return options_.stall_timeout;
  return std::min<std::chrono::milliseconds>(options_.stall_timeout, kStallWhenStopped);
}

}  // namespace holdfast::http
