#include "backup/audit.h"

#include <algorithm>
#include <tuple>

#include "pg/page.h"

namespace holdfast::backup {

namespace {

// Named one by one; there may be as many as the cluster has pages.
constexpr std::size_t kMaxNamed = 1000;

}  // namespace

void Audit::AddUnnamed(std::string_view path, pg::BlockNumber block_in_file, base::ByteView page) {
  const pg::Lsn lsn = pg::PageLsn(page);
  const bool missed = base::AllZero(page) || (lsn > since_ && lsn <= until_);
  if (!missed && lsn > until_) return;
  facts_.With([&](catalog::AuditFacts& facts) {
    if (!missed) {
      ++facts.pages_without_wal;
      return;
    }
    ++facts.pages_missed;
    if (facts.missed.size() < kMaxNamed)
      facts.missed.push_back({.path = std::string(path), .block = block_in_file});
  });
}

catalog::AuditFacts Audit::Take() {
  return facts_.With([](catalog::AuditFacts& facts) {
    std::ranges::sort(facts.missed, {},
                      [](const catalog::BadPage& page) { return std::tie(page.path, page.block); });
    return facts;
  });
}

}  // namespace holdfast::backup
