// Where the threads of a receiver post how they stand.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/reporter.h"
#include "wal/stream.h"

namespace holdfast::wal {

// What can be wrong at the same time, the most pressing first.
enum class Trouble { kGap, kServer, kSpool, kStore, kArchive, kSlot };

// Thread-safe.
class StatusBoard {
 public:
  StatusBoard(base::Reporter& report, std::function<void(const StreamState&)> observe)
      : report_(&report), observe_(std::move(observe)) {}

  void Update(const std::function<void(StreamState&)>& change);
  // Warns when the text is a new one.
  void SetTrouble(Trouble trouble, const std::string& text);
  void ClearTrouble(Trouble trouble);
  StreamState state() const;

 private:
  void Publish();

  base::Reporter* report_;
  std::function<void(const StreamState&)> observe_;
  mutable std::mutex mutex_;
  StreamState state_;
  std::map<Trouble, std::string> troubles_;
};

}  // namespace holdfast::wal
