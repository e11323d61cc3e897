#include "replicate/copy_notes.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <exception>
#include <system_error>

#include "base/error.h"

namespace holdfast::replicate {

namespace {

constexpr std::string_view kPurpose = "copied pack";
constexpr std::size_t kIdDigits = 64;
constexpr std::size_t kPairLength = 2 * kIdDigits + 1;

}  // namespace

CopyNotes::CopyNotes(const repo::Repository& from, const repo::Repository& to,
                     std::optional<base::Path> path, base::Reporter& report)
    : from_(from), to_(to), report_(report) {
  path_.With([&](auto& own) { own = std::move(path); });
}

std::string CopyNotes::SealOf(std::string_view pair) const {
  const std::string text = fmt::format("{} {}", from_.id(), pair);
  return base::ToHex(to_.keyring().ContentDigest(kPurpose, base::AsBytes(text)));
}

// They only save work: what keeps them from being kept does not stop the copy.
void CopyNotes::GiveUp(const std::exception& error) {
  path_.With([](auto& path) { path.reset(); });
  report_.Warn(fmt::format("if this copy is interrupted, the next one sends again what it sent: {}",
                           error.what()));
}

void CopyNotes::ForEach(
    const std::function<void(const repo::PackId& from, const repo::PackId& to)>& visit) const {
  const std::optional<base::Path> path = path_.With([](const auto& own) { return own; });
  const std::optional<base::Bytes> bytes = path ? base::ReadFileIfExists(*path) : std::nullopt;
  if (!bytes) return;
  std::string_view rest = base::AsText(*bytes);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.size() <= kPairLength || line[kPairLength] != ' ') continue;
    const std::string_view pair = line.substr(0, kPairLength);
    if (line.substr(kPairLength + 1) != SealOf(pair)) continue;
    visit(repo::PackId::FromHex(pair.substr(0, kIdDigits)),
          repo::PackId::FromHex(pair.substr(kIdDigits + 1)));
  }
}

void CopyNotes::Add(const repo::PackId& from, const repo::PackId& to) {
  const std::string pair = fmt::format("{} {}", from.ToHex(), to.ToHex());
  // Begins with a line end, so that it does not continue a line that was torn.
  const std::string line = fmt::format("\n{} {}\n", pair, SealOf(pair));
  try {
    path_.With([&](const auto& path) {
      if (!path) return;
      base::MakeDirectories(path->parent_path());
      base::File file = base::File::Open(*path, O_WRONLY | O_CREAT | O_APPEND);
      file.Append(base::AsBytes(line));
      file.Close();
    });
  } catch (const std::exception& error) {
    GiveUp(error);
  }
}

void CopyNotes::Clear() {
  path_.With([](const auto& path) {
    std::error_code ignored;
    if (path) std::filesystem::remove(*path, ignored);
  });
}

}  // namespace holdfast::replicate
