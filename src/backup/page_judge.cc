#include "backup/page_judge.h"

#include <algorithm>
#include <tuple>

namespace holdfast::backup {

namespace {

// A write(2) of one page is over long before so many reads are.
constexpr int kReadings = 10;

bool IsSound(pg::PageState state) {
  return state == pg::PageState::kOk || state == pg::PageState::kZero;
}

}  // namespace

void PageJudge::Check(base::MutableByteView page, std::string_view path,
                      pg::BlockNumber block_in_file, pg::BlockNumber absolute_block,
                      const ReadAgain& read_again) {
  for (int reading = 0; reading < kReadings; ++reading) {
    if (IsSound(pg::VerifyPage(page, absolute_block, checksums_))) return;
    if (!read_again(page)) return;  // truncated or dropped meanwhile: the WAL says so
  }
  if (IsSound(pg::VerifyPage(page, absolute_block, checksums_))) return;
  suspects_.With([&](std::vector<Suspect>& suspects) {
    suspects.push_back(
        {.page = {.path = std::string(path), .block = block_in_file}, .lsn = pg::PageLsn(page)});
  });
}

std::vector<catalog::BadPage> PageJudge::Verdict(pg::Lsn stop) const {
  std::vector<catalog::BadPage> bad;
  suspects_.With([&](const std::vector<Suspect>& suspects) {
    for (const Suspect& suspect : suspects) {
      if (suspect.lsn < start_ || suspect.lsn > stop) bad.push_back(suspect.page);
    }
  });
  std::ranges::sort(bad, {},
                    [](const catalog::BadPage& page) { return std::tie(page.path, page.block); });
  return bad;
}

}  // namespace holdfast::backup
