#include "wal/stream.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/workers.h"
#include "wal/receiver.h"
#include "wal/spool.h"
#include "wal/status_board.h"
#include "wal/uploader.h"
#include "wal/wal_server.h"

namespace holdfast::wal {

namespace {

void WarnOfLeftovers(const Spool& spool, const Uploader& uploader, base::Reporter& report) {
  const std::vector<SpooledSegment> segments = spool.Segments();
  if (segments.empty() || uploader.HasStored(segments.back())) return;
  report.Warn(
      fmt::format("WAL up to {} is in the spool only: the next start brings it into the "
                  "repository",
                  pg::FormatLsn(segments.back().end)));
}

}  // namespace

std::string ReceiverSessionName(std::string_view slot_name) {
  constexpr std::size_t kLongestName = 63;  // the server cuts the rest off
  return fmt::format("receiver {}", slot_name).substr(0, kLongestName);
}

void StreamFrom(WalServer& server, Archive& archive, const StreamOptions& options,
                base::Clock& clock, base::Reporter& report,
                const std::function<void(const StreamState&)>& observe,
                const std::stop_token& stop) {
  Spool spool = Spool::Open(options.spool_directory);
  StatusBoard board(report, observe);
  Uploader uploader(&server, archive, spool, board, options, clock);
  Receiver receiver(server, archive, spool, board, options, clock, report);

  // Receiving stops when it is told to, and when storing failed for good.
  std::stop_source stop_receiving;
  // Storing waits for an unreachable store as long as receiving goes on, or is to be completed.
  std::stop_source give_up;
  const std::stop_callback asked(stop, [&] {
    stop_receiving.request_stop();
    give_up.request_stop();
  });
  base::Workers storing;
  storing.OnFailure([&] { stop_receiving.request_stop(); });
  storing.Start([&](const std::stop_token&) { uploader.Run(give_up.get_token()); });
  std::exception_ptr failure;
  try {
    receiver.Run(stop_receiving.get_token());
  } catch (...) {
    failure = std::current_exception();
    give_up.request_stop();
  }
  // What was received is stored in either case, as far as the store answers.
  uploader.Finish();
  storing.Join();
  WarnOfLeftovers(spool, uploader, report);
  if (failure) std::rethrow_exception(failure);
}

void Stream(Archive& archive, const StreamOptions& options, base::Clock& clock,
            base::Reporter& report, const std::function<void(const StreamState&)>& observe,
            const std::stop_token& stop) {
  const std::unique_ptr<WalServer> server = OpenPostgresServer(options, clock);
  StreamFrom(*server, archive, options, clock, report, observe, stop);
}

}  // namespace holdfast::wal
