#include "upkeep/object_check.h"

#include <fmt/format.h>

#include "base/error.h"
#include "codec/hash.h"
#include "repo/blob.h"
#include "repo/ids.h"
#include "repo/pack.h"

namespace holdfast::upkeep {

namespace {

repo::PackFooter ReadFooter(repo::PackReader& reader, base::ByteView contents) {
  auto result = reader.ReadFooter(contents, contents.size());
  if (!result.footer)
    throw base::Error(base::ErrorKind::kCorrupt, "the pack is shorter than its table of contents");
  return std::move(*result.footer);
}

void ComparePages(const repo::Keyring& keyring, const repo::PackFooter& footer,
                  std::uint32_t number, base::ByteView raw) {
  const codec::PageHasher hasher = keyring.page_hasher();
  const auto hashes = footer.PageHashes(number);
  for (std::size_t page = 0; page < hashes.size(); ++page) {
    if (hasher(raw.subspan(page * repo::kPageSize, repo::kPageSize)) != hashes[page]) {
      throw base::Error(
          base::ErrorKind::kCorrupt,
          fmt::format("page {} of frame {} is not the one that was hashed", page, number));
    }
  }
}

}  // namespace

std::optional<std::string> CheckObject(std::string_view name, base::ByteView contents) {
  if (name.starts_with(repo::kPacksPrefix)) {
    const std::string hash = base::ToHex(codec::Sha256(contents));
    if (name.ends_with("/" + hash)) return std::nullopt;
    return "its bytes are not the ones that its name was made from";
  }
  if (name.starts_with("wal")) {
    if (repo::BlobChecksumMatches(contents) || name.find("/timeline/") != std::string_view::npos)
      return std::nullopt;
    return "its bytes are not the ones that its checksum was made from";
  }
  return std::nullopt;
}

void CheckFrames(const repo::Keyring& keyring, const repo::PackId& pack, base::ByteView contents,
                 DamageLog& log) {
  try {
    repo::PackReader reader(keyring, pack, contents);
    const repo::PackFooter footer = ReadFooter(reader, contents);
    for (std::uint32_t number = 0; number < footer.frames().size(); ++number) {
      const repo::FrameInfo& frame = footer.frame(number);
      try {
        ComparePages(
            keyring, footer, number,
            reader.OpenFrame(footer, number, contents.subspan(frame.offset, frame.stored_size)));
      } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::kCorrupt) throw;
        log.AddFrame({.pack = pack, .frame = number}, error.message());
      }
    }
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) throw;
    log.AddPack(pack, error.message());
  }
}

}  // namespace holdfast::upkeep
