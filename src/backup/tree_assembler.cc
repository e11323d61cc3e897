#include "backup/tree_assembler.h"

#include <utility>

#include "base/error.h"

namespace holdfast::backup {

TreeAssembler::Slot TreeAssembler::Reserve() {
  return waiting_.With([](Waiting& waiting) {
    waiting.places.emplace_back();
    return waiting.first + waiting.places.size() - 1;
  });
}

void TreeAssembler::Deliver(Slot slot, std::optional<repo::TreeEntry> entry) {
  waiting_.With([&](Waiting& waiting) {
    waiting.places.at(slot - waiting.first) = {.filled = true, .entry = std::move(entry)};
    while (!waiting.places.empty() && waiting.places.front().filled) {
      if (waiting.places.front().entry) tree_.Add(*waiting.places.front().entry);
      waiting.places.pop_front();
      ++waiting.first;
    }
  });
}

void TreeAssembler::Finish() {
  waiting_.With([](const Waiting& waiting) {
    if (!waiting.places.empty()) {
      throw base::Error(base::ErrorKind::kInternal, "a file was listed but never finished");
    }
  });
}

}  // namespace holdfast::backup
