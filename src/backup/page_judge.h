// Is a page sound? A page read from a live cluster may be torn; one that stays bad is judged by its
// LSN.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/synchronized.h"
#include "catalog/cluster_facts.h"
#include "pg/lsn.h"
#include "pg/page.h"

namespace holdfast::backup {

// A page that stays bad is still stored as it is, never "repaired".
//
// If its LSN is not older than the backup's start, the WAL of the backup holds a full image of it
// (it was changed since, and full_page_writes are forced while a backup runs): replay mends it.
// Otherwise, or when the LSN turns out to lie beyond the backup's stop (then it is garbage), it is
// damage on the server's disk. Thread-safe.
class PageJudge {
 public:
  PageJudge(pg::Lsn start, pg::PageChecksums checksums) : start_(start), checksums_(checksums) {}

  // Reads the page again; false when it is gone.
  using ReadAgain = std::function<bool(base::MutableByteView page)>;
  // Checks `page`, replacing it by a better reading if there is one, and remembers it when it stays
  // bad.
  void Check(base::MutableByteView page, std::string_view path, pg::BlockNumber block_in_file,
             pg::BlockNumber absolute_block, const ReadAgain& read_again);

  // Damaged pages, once the backup's stop is known; ascending by path and block.
  std::vector<catalog::BadPage> Verdict(pg::Lsn stop) const;

 private:
  struct Suspect {
    catalog::BadPage page;
    pg::Lsn lsn;
  };
  const pg::Lsn start_;
  const pg::PageChecksums checksums_;
  base::Synchronized<std::vector<Suspect>> suspects_;
};

}  // namespace holdfast::backup
