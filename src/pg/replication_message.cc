#include "pg/replication_message.h"

#include <fmt/format.h>

#include <chrono>

#include "base/error.h"
#include "pg/big_endian.h"

namespace holdfast::pg {

namespace {

constexpr std::size_t kWalDataHeader = 1 + 8 + 8 + 8;
constexpr std::size_t kKeepAliveSize = 1 + 8 + 8 + 1;
// 2000-01-01, where the server's clock starts.
constexpr base::Time kServerEpoch{std::chrono::seconds{946'684'800}};

[[noreturn]] void Corrupt(std::string_view what) {
  throw base::Error(base::ErrorKind::kCorrupt, fmt::format("the replication stream has {}", what));
}

Lsn LoadLsn(base::ByteView message, std::size_t offset) {
  return Lsn(LoadBigEndian<std::uint64_t>(message.subspan(offset)));
}

}  // namespace

std::variant<WalData, KeepAliveMessage> ParseStreamMessage(base::ByteView message) {
  if (message.empty()) Corrupt("an empty message");
  if (message[0] == 'w') {
    if (message.size() < kWalDataHeader) Corrupt("a WAL message that is too short");
    const base::ByteView bytes = message.subspan(kWalDataHeader);
    return WalData{.start = LoadLsn(message, 1),
                   .server_end = LoadLsn(message, 9),
                   .bytes = base::Bytes(bytes.begin(), bytes.end())};
  }
  if (message[0] == 'k') {
    if (message.size() != kKeepAliveSize) Corrupt("a keepalive message of a wrong size");
    return KeepAliveMessage{.server_end = LoadLsn(message, 1),
                            .reply_requested = message[kKeepAliveSize - 1] != 0};
  }
  Corrupt("a message of an unknown kind");
}

base::Bytes FormatStatusUpdate(const StatusUpdate& update) {
  base::Bytes message = {'r'};
  AppendBigEndian(message, update.written.value());
  AppendBigEndian(message, update.flushed.value());
  AppendBigEndian(message, std::uint64_t{0});
  const auto since_epoch = (update.now - kServerEpoch).count();
  AppendBigEndian(message, static_cast<std::uint64_t>(since_epoch));
  message.push_back(update.request_reply ? 1 : 0);
  return message;
}

}  // namespace holdfast::pg
