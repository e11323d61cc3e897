#include "upkeep/pack_check.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "repo/pack.h"

namespace holdfast::upkeep {

namespace {

repo::PackFooter ReadFooter(repo::PackReader& reader, base::ByteView contents) {
  auto result = reader.ReadFooter(contents, contents.size());
  if (result.footer) return std::move(*result.footer);
  throw base::Error(base::ErrorKind::kCorrupt, "the pack is shorter than its table of contents");
}

void ComparePages(const repo::Keyring& keyring, const repo::PackFooter& footer,
                  std::uint32_t number, base::ByteView raw) {
  const codec::PageHasher hasher = keyring.page_hasher();
  const auto hashes = footer.PageHashes(number);
  for (std::size_t page = 0; page < hashes.size(); ++page) {
    if (hasher(raw.subspan(page * repo::kPageSize, repo::kPageSize)) == hashes[page]) continue;
    throw base::Error(
        base::ErrorKind::kCorrupt,
        fmt::format("page {} of frame {} is not the one that was hashed", page, number));
  }
}

// Runs `check`; false, and `blame` is called, when something is corrupt.
template <typename Check, typename Blame>
bool IsSound(Check&& check, Blame&& blame) {
  try {
    check();
    return true;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    blame(error.message());
    return false;
  }
}

}  // namespace

bool CheckFrames(const repo::Keyring& keyring, const repo::PackId& pack, base::ByteView contents,
                 DamageLog& log) {
  bool all_sound = true;
  const auto check_all = [&] {
    repo::PackReader reader(keyring, pack, contents);
    const repo::PackFooter footer = ReadFooter(reader, contents);
    for (std::uint32_t number = 0; number < footer.frames().size(); ++number) {
      const repo::FrameInfo& frame = footer.frame(number);
      const auto check = [&] {
        const base::ByteView stored = contents.subspan(frame.offset, frame.stored_size);
        ComparePages(keyring, footer, number, reader.OpenFrame(footer, number, stored));
      };
      const auto blame = [&](const std::string& problem) { log.AddFrame({pack, number}, problem); };
      all_sound = IsSound(check, blame) && all_sound;
    }
  };
  const auto blame = [&](const std::string& problem) { log.AddPack(pack, problem); };
  return IsSound(check_all, blame) && all_sound;
}

// Frames are sealed under their pack's own key and their own number: those that open are the ones
// that were written. That all of them do cannot be, since some byte was altered: then somebody who
// has the keys put others there, and none is to be trusted.
void SalvageFrames(const repo::Keyring& keyring, const repo::PackId& pack, base::ByteView contents,
                   const std::string& problem, DamageLog& log) {
  log.AddPackProblem(pack, problem);
  if (CheckFrames(keyring, pack, contents, log)) log.AddPack(pack, problem);
}

}  // namespace holdfast::upkeep
