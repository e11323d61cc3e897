// A server in memory whose pg_wal a capture reads; a script tells what happens between its looks.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "base/error.h"
#include "wal/capture.h"
#include "wal/testing/wal_fixture.h"

namespace holdfast::wal {

// One thread.
class FakeCaptureServer final : public CaptureServer {
 public:
  // Runs at one look after the other; at the one after the last the capture is told to stop.
  std::deque<std::function<void()>> script;
  std::stop_source stop;
  pg::Lsn flushed{At(2)};
  std::map<std::string, base::Bytes, std::less<>> files;
  bool holds = false;
  int reads = 0;  // of files from their start
  pg::Lsn let_go;
  std::optional<base::Error> read_failure;  // of the next read
  bool denied = false;

  // The server writes up to the end of the segment.
  void Write(std::uint64_t segment) {
    files[Name(1, segment)] = MakeSegment(1, segment);
    flushed = At(segment + 1);
  }

  pg::Lsn FlushPosition() override {
    if (script.empty()) {
      stop.request_stop();
    } else {
      const std::function<void()> happen = std::move(script.front());
      script.pop_front();
      happen();
    }
    return flushed;
  }
  std::optional<std::size_t> ReadAt(std::string_view name, std::uint64_t offset,
                                    base::MutableByteView out) override {
    if (offset == 0) ++reads;
    if (denied) throw base::Error(base::ErrorKind::kDenied, "permission denied for function");
    if (read_failure) throw base::Error(*std::exchange(read_failure, std::nullopt));
    const auto file = files.find(name);
    if (file == files.end()) return std::nullopt;
    const std::size_t count = std::min(out.size(), file->second.size() - offset);
    std::copy_n(file->second.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
    return count;
  }
  bool HoldsWal() const override { return holds; }
  void LetGo(pg::Lsn before) override { let_go = before; }
};

}  // namespace holdfast::wal
