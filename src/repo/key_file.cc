// The text of key files (docs/format/keys.md).
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "codec/hash.h"
#include "repo/repository.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view kPrefix = "holdfast-key-1:";
constexpr std::string_view kAnyPrefix = "holdfast-key-";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kBlanks = " \t\r";
constexpr std::size_t kChecksumSize = 4;

[[noreturn]] void ThrowNotAKeyFile(std::string_view why) {
  throw Error(ErrorKind::kUsage, fmt::format("not a holdfast key file: {}", why));
}

base::Bytes ChecksumOf(base::ByteView secret) {
  base::ByteWriter writer;
  writer.Raw(kPrefix);
  writer.Raw(secret);
  base::Bytes text = writer.Take();
  const codec::Digest digest = codec::Sha256(text);
  codec::Wipe(text);
  return {digest.begin(), digest.begin() + kChecksumSize};
}

std::string_view Trim(std::string_view line) {
  const std::size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return Trim(line);
}

// The one line that is neither blank nor a comment.
std::string_view KeyLine(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::optional<std::string_view> key_line;
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    if (line.empty() || line.front() == '#') continue;
    if (key_line) ThrowNotAKeyFile("it holds more than one line of key");
    key_line = line;
  }
  if (!key_line) ThrowNotAKeyFile("it holds no key");
  return *key_line;
}

base::Bytes Decode(std::string_view text) {
  try {
    return base::FromBase64(text);
  } catch (const Error&) {
    ThrowNotAKeyFile("its key is damaged");
  }
}

std::string OneLine(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(
      line, [](char c) { return c >= 0 && c < ' '; }, ' ');
  return line;
}

}  // namespace

KeyFile KeyFile::Generate() { return {.secret = codec::Key256::Random()}; }

KeyFile KeyFile::Parse(std::string_view text) {
  const std::string_view line = KeyLine(text);
  if (!line.starts_with(kPrefix)) {
    if (line.starts_with(kAnyPrefix)) ThrowNotAKeyFile("its version is not known to this program");
    ThrowNotAKeyFile("a key line begins with " + std::string(kPrefix));
  }
  base::Bytes bytes = Decode(Trim(line.substr(kPrefix.size())));
  if (bytes.size() != codec::Key256::kSize + kChecksumSize) ThrowNotAKeyFile("its key was cut");
  const base::ByteView secret = base::ByteView(bytes).first(codec::Key256::kSize);
  if (!base::Equal(ChecksumOf(secret), base::ByteView(bytes).last(kChecksumSize))) {
    ThrowNotAKeyFile("its key is damaged");
  }
  KeyFile file{.secret = codec::Key256::From(secret)};
  codec::Wipe(bytes);
  return file;
}

std::string KeyFile::Line() const {
  base::ByteWriter writer;
  writer.Raw(secret.view());
  writer.Raw(ChecksumOf(secret.view()));
  base::Bytes bytes = writer.Take();
  std::string line = std::string(kPrefix) + base::ToBase64(bytes);
  codec::Wipe(bytes);
  return line;
}

std::string KeyFile::ToText(std::string_view repository_url, KeyAccess access) const {
  const std::string_view comment =
      access == KeyAccess::kAddOnly
          ? "# It may only add: whoever has this file can put backups there, and read none.\n"
            "# A restore needs another key of the repository.\n"
          : "# Whoever has this file can read the backups; without it, or another key of the\n"
            "# repository, nobody can. Keep a copy in a safe place, away from the backups.\n";
  return fmt::format("# Key of the holdfast repository {}\n{}{}\n", OneLine(repository_url),
                     comment, Line());
}

}  // namespace holdfast::repo
