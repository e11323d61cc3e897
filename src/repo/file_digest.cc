#include "repo/file_digest.h"

#include <algorithm>

namespace holdfast::repo {

namespace {

constexpr std::size_t kPieceSize = 128 * base::kKiB;

}  // namespace

void FileDigester::Add(base::ByteView content) {
  while (!content.empty()) {
    if (partial_.empty() && content.size() >= kPieceSize) {
      TakePiece(content.first(kPieceSize));
      content = content.subspan(kPieceSize);
      continue;
    }
    const std::size_t count = std::min(kPieceSize - partial_.size(), content.size());
    partial_.insert(partial_.end(), content.begin(),
                    content.begin() + static_cast<std::ptrdiff_t>(count));
    content = content.subspan(count);
    if (partial_.size() == kPieceSize) {
      TakePiece(partial_);
      partial_.clear();
    }
  }
}

void FileDigester::TakePiece(base::ByteView piece) {
  const ContentDigest digest = keyring_.ContentDigest("piece", piece);
  digests_.insert(digests_.end(), digest.begin(), digest.end());
}

ContentDigest FileDigester::Finish() {
  if (!partial_.empty()) TakePiece(partial_);
  return keyring_.ContentDigest("file", digests_);
}

ContentDigest DigestOf(const Keyring& keyring, base::ByteView content) {
  FileDigester digester(keyring);
  digester.Add(content);
  return digester.Finish();
}

}  // namespace holdfast::repo
