#include "http/client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "http/connect_failure.h"
#include "http/transfer.h"

namespace holdfast::http {

namespace {

constexpr std::size_t kMostIdle = 64;
constexpr long kBufferBytes = 256L * 1024;

// libcurl wants to be set up once, before there are other threads of it.
void SetUpLibrary() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result == CURLE_OK) return;
  throw base::Error(base::ErrorKind::kInternal,
                    fmt::format("libcurl cannot start: {}", curl_easy_strerror(result)));
}

// Programs that are started must not inherit connections.
curl_socket_t OpenSocket(void*, curlsocktype, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

HeaderList ListOf(const Headers& headers) {
  HeaderList list(nullptr, curl_slist_free_all);
  for (const Header& header : headers) {
    // "Name;" is how libcurl is told of a header without a value.
    const std::string line =
        header.value.empty() ? header.name + ";" : fmt::format("{}: {}", header.name, header.value);
    curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(list.release());
    list.reset(longer);
  }
  return list;
}

bool HasBody(const Request& request) { return request.method == "PUT" || request.method == "POST"; }

void SetMethod(CURL* easy, const Request& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  if (HasBody(request)) {
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  if (request.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void SetLimits(CURL* easy, const ClientOptions& options) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kBufferBytes);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, kBufferBytes);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, OpenSocket);
}

}  // namespace

// A handle of libcurl with the connection it keeps.
class Client::Connection {
 public:
  Connection() : easy_(curl_easy_init(), curl_easy_cleanup) {
    if (!easy_) throw base::Error(base::ErrorKind::kInternal, "libcurl gives no handle");
  }

  Response Send(const ClientOptions& options, const Request& request) {
    CURL* const easy = easy_.get();
    curl_easy_reset(easy);  // the options only; the connection stays
    std::array<char, CURL_ERROR_SIZE> reason{};
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason.data());
    SetLimits(easy, options);
    SetMethod(easy, request);
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
    if (options.ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file->c_str());
    if (request.direct) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    const HeaderList headers = ListOf(request.headers);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());

    Transfer transfer(options, request);
    transfer.Attach(easy);
    const CURLcode result = curl_easy_perform(easy);
    if (result != CURLE_OK || transfer.abort() != Abort::kNone) {
      throw ConnectFailure({.code = result,
                            .abort = transfer.abort(),
                            .reason = reason.data(),
                            .url = request.url,
                            .elapsed = transfer.elapsed(),
                            .ca_file = options.ca_file});
    }
    return Finish(transfer, request);
  }

 private:
  Response Finish(Transfer& transfer, const Request& request) {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    // An error page that was cut is an error all the same.
    if (status < 400 && !transfer.response().body.empty() && !transfer.HasLength()) {
      throw base::Error(base::ErrorKind::kUnavailable,
                        fmt::format("{} does not say how long its answer is: it may be cut",
                                    OriginOf(request.url)));
    }
    Response response = transfer.Take();
    response.status = static_cast<int>(status);
    return response;
  }

  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
};

Client::Client(ClientOptions options) : options_(std::move(options)) { SetUpLibrary(); }
Client::~Client() = default;

std::unique_ptr<Client::Connection> Client::Acquire() {
  std::unique_ptr<Connection> connection;
  idle_.With([&](Connections& connections) {
    if (connections.empty()) return;
    connection = std::move(connections.back());
    connections.pop_back();
  });
  if (!connection) connection = std::make_unique<Connection>();
  return connection;
}

Response Client::Send(const Request& request) {
  auto connection = Acquire();
  Response response = connection->Send(options_, request);
  idle_.With([&](Connections& connections) {
    if (connections.size() < kMostIdle) connections.push_back(std::move(connection));
  });
  return response;
}

}  // namespace holdfast::http
