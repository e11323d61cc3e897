#include "replicate/copy_notes.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

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
  state_.With([&](State& state) {
    if (path) state.pairs = Read(*path);
    state.path = std::move(path);
  });
}

CopyNotes::Pairs CopyNotes::Read(const base::Path& path) const {
  Pairs pairs;
  const std::optional<base::Bytes> bytes = base::ReadFileIfExists(path);
  if (!bytes) return pairs;
  std::string_view rest = base::AsText(*bytes);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.size() <= kPairLength || line[kPairLength] != ' ') continue;
    const std::string_view pair = line.substr(0, kPairLength);
    if (line.substr(kPairLength + 1) != SealOf(pair)) continue;
    pairs.insert_or_assign(repo::PackId::FromHex(pair.substr(0, kIdDigits)),
                           repo::PackId::FromHex(pair.substr(kIdDigits + 1)));
  }
  return pairs;
}

std::string CopyNotes::SealOf(std::string_view pair) const {
  const std::string text = fmt::format("{} {}", from_.id(), pair);
  return base::ToHex(to_.keyring().ContentDigest(kPurpose, base::AsBytes(text)));
}

std::optional<repo::PackId> CopyNotes::Find(const repo::PackId& from) const {
  return state_.With([&](const State& state) -> std::optional<repo::PackId> {
    const auto found = state.pairs.find(from);
    return found == state.pairs.end() ? std::nullopt : std::optional(found->second);
  });
}

void CopyNotes::Append(const base::Path& path, std::string_view line) const {
  base::MakeDirectories(path.parent_path());
  base::File file = base::File::Open(path, O_WRONLY | O_CREAT | O_APPEND);
  file.Append(base::AsBytes(line));
  file.Close();
}

// They only save work: what keeps them from being kept does not stop the copy.
void CopyNotes::Add(const repo::PackId& from, const repo::PackId& to) {
  const std::string pair = fmt::format("{} {}", from.ToHex(), to.ToHex());
  // Begins with a line end, so that it does not continue a line that was torn.
  const std::string line = fmt::format("\n{} {}\n", pair, SealOf(pair));
  state_.With([&](State& state) {
    state.pairs.insert_or_assign(from, to);
    if (!state.path) return;
    try {
      Append(*state.path, line);
    } catch (const base::Error& error) {
      state.path.reset();
      report_.Warn(
          fmt::format("if this copy is interrupted, the next one sends again what it sent: {}",
                      error.message()));
    }
  });
}

void CopyNotes::Forget() {
  state_.With([](const State& state) {
    std::error_code ignored;
    if (state.path) std::filesystem::remove(*state.path, ignored);
  });
}

}  // namespace holdfast::replicate
