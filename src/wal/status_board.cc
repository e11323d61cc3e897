#include "wal/status_board.h"

namespace holdfast::wal {

void StatusBoard::Update(const std::function<void(StreamState&)>& change) {
  const std::scoped_lock lock(mutex_);
  change(state_);
  Publish();
}

void StatusBoard::SetTrouble(Trouble trouble, const std::string& text) {
  const std::scoped_lock lock(mutex_);
  std::string& known = troubles_[trouble];
  if (known == text) return;
  known = text;
  report_->Warn(text);
  Publish();
}

void StatusBoard::ClearTrouble(Trouble trouble) {
  const std::scoped_lock lock(mutex_);
  if (troubles_.erase(trouble) > 0) Publish();
}

StreamState StatusBoard::state() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

void StatusBoard::Publish() {
  state_.problem.clear();
  for (const auto& [trouble, text] : troubles_) {
    if (!state_.problem.empty()) state_.problem += "; ";
    state_.problem += text;
  }
  if (observe_) observe_(state_);
}

}  // namespace holdfast::wal
