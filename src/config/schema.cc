#include "config/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "config/mask.h"

namespace holdfast::config {
namespace {

using enum ValueType;
using enum Secrecy;

// In the order in which `config show` prints them.
constexpr std::array kSchema = {
    KeySpec{"timezone"},
    KeySpec{"state_directory", kPath},

    KeySpec{"repository.*.url", kText, kOpen},
    KeySpec{"repository.*.key_file", kPath},
    KeySpec{"repository.*.passphrase_file", kPath},
    KeySpec{"repository.*.passphrase_env"},
    KeySpec{"repository.*.passphrase", kText, kSecret},
    KeySpec{"repository.*.pack_size", kSize, kOpen, "32MiB"},
    KeySpec{"repository.*.compression", kText, kOpen, "zstd:1"},
    KeySpec{"repository.*.limit_upload", kSize},
    KeySpec{"repository.*.limit_download", kSize},
    KeySpec{"repository.*.endpoint"},
    KeySpec{"repository.*.region"},
    KeySpec{"repository.*.path_style", kText, kOpen, {}, "auto|path|virtual"},
    KeySpec{"repository.*.ca_file", kPath},
    KeySpec{"repository.*.access_key_id"},
    KeySpec{"repository.*.access_key_id_file", kPath},
    KeySpec{"repository.*.secret_access_key", kText, kSecret},
    KeySpec{"repository.*.secret_access_key_file", kPath},
    KeySpec{"repository.*.session_token", kText, kSecret},
    KeySpec{"repository.*.profile"},
    KeySpec{"repository.*.credentials_file", kPath},
    KeySpec{"repository.*.storage_class"},
    KeySpec{"repository.*.server_side_encryption", kText, kOpen, {}, "AES256|aws:kms"},
    KeySpec{"repository.*.kms_key_id"},
    KeySpec{"repository.*.object_lock_mode", kText, kOpen, {}, "governance|compliance"},
    KeySpec{"repository.*.object_lock_days", kInteger},
    KeySpec{"repository.*.checksum", kText, kOpen, {}, "auto|none|md5|sha256"},
    KeySpec{"repository.*.prices.currency", kText, kOpen, "USD"},
    KeySpec{"repository.*.prices.storage", kDecimal},
    KeySpec{"repository.*.prices.put", kDecimal},
    KeySpec{"repository.*.prices.get", kDecimal},
    KeySpec{"repository.*.prices.download", kDecimal},

    KeySpec{"source.*.type", kText, kOpen, "postgres", "postgres|mysql|volume"},
    KeySpec{"source.*.connection", kText, kConnection},
    KeySpec{"source.*.data_directory", kPath},
    KeySpec{"source.*.wal", kText, kOpen, "stream", "stream|push|both"},
    KeySpec{"source.*.repository"},
    KeySpec{"source.*.jobs", kInteger, kOpen, "4"},
    KeySpec{"source.*.slot_name"},
    KeySpec{"source.*.spool_max", kSize, kOpen, "1GiB"},
    KeySpec{"source.*.tail_interval", kDuration},
    KeySpec{"source.*.wal_poll_interval", kDuration, kOpen, "1s"},
    KeySpec{"source.*.copy_interval", kDuration, kOpen, "30s"},
    KeySpec{"source.*.volume"},
    KeySpec{"source.*.path", kPath},
    KeySpec{"source.*.copies.#.repository"},
    KeySpec{"source.*.copies.#.retention.last", kInteger},
    KeySpec{"source.*.copies.#.retention.hours", kInteger},
    KeySpec{"source.*.copies.#.retention.days", kInteger},
    KeySpec{"source.*.copies.#.retention.weeks", kInteger},
    KeySpec{"source.*.copies.#.retention.months", kInteger},
    KeySpec{"source.*.copies.#.retention.years", kInteger},
    KeySpec{"source.*.copies.#.retention.fulls", kInteger},
    KeySpec{"source.*.copies.#.retention.within", kDuration},
    KeySpec{"source.*.copies.#.retention.wal_days", kInteger},

    KeySpec{"source.*.retention.last", kInteger},
    KeySpec{"source.*.retention.hours", kInteger},
    KeySpec{"source.*.retention.days", kInteger},
    KeySpec{"source.*.retention.weeks", kInteger},
    KeySpec{"source.*.retention.months", kInteger},
    KeySpec{"source.*.retention.years", kInteger},
    KeySpec{"source.*.retention.fulls", kInteger},
    KeySpec{"source.*.retention.within", kDuration},
    KeySpec{"source.*.retention.wal_days", kInteger},

    KeySpec{"source.*.job.*.kind", kText, kOpen, {}, "backup|dump|verify|copy|drill"},
    KeySpec{"source.*.job.*.schedule"},
    KeySpec{"source.*.job.*.timezone"},
    KeySpec{"source.*.job.*.databases", kTextList},
    KeySpec{"source.*.job.*.tables", kTextList},
    KeySpec{"source.*.job.*.retention.last", kInteger},
    KeySpec{"source.*.job.*.retention.hours", kInteger},
    KeySpec{"source.*.job.*.retention.days", kInteger},
    KeySpec{"source.*.job.*.retention.weeks", kInteger},
    KeySpec{"source.*.job.*.retention.months", kInteger},
    KeySpec{"source.*.job.*.retention.years", kInteger},
    KeySpec{"source.*.job.*.retention.fulls", kInteger},
    KeySpec{"source.*.job.*.retention.within", kDuration},
    KeySpec{"source.*.job.*.retention.wal_days", kInteger},
    KeySpec{"source.*.job.*.plain.to", kPath},
    KeySpec{"source.*.job.*.plain.name"},
    KeySpec{"source.*.job.*.plain.days", kInteger},
    KeySpec{"source.*.job.*.plain.latest_link", kBoolean},

    KeySpec{"source.*.health.max_backup_age", kDuration},
    KeySpec{"source.*.health.max_wal_lag", kDuration},
    KeySpec{"source.*.health.min_size", kSize},
    KeySpec{"source.*.health.rto", kDuration},

    KeySpec{"notify.urls", kTextList, kUrl},
    KeySpec{"notify.on", kTextList, kOpen, {}, "failure|recovery|overdue|success|digest"},
};

bool IsIndex(std::string_view part) {
  return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
}

bool Fits(std::string_view pattern, std::string_view part) {
  if (pattern == "*") return true;
  if (pattern == "#") return IsIndex(part);
  return pattern == part;
}

bool StartsWith(const std::vector<std::string_view>& pattern, const Key& prefix) {
  return pattern.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), pattern.begin(),
                    [](const std::string& part, std::string_view p) { return Fits(p, part); });
}

// Optimal string alignment: insertions, deletions, replacements, swaps of neighbours.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> last(b.size() + 1);
  std::iota(last.begin(), last.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::exchange(last, std::move(row));
  }
  return last.back();
}

std::string Masked(Secrecy secrecy, const std::string& value) {
  switch (secrecy) {
    case Secrecy::kOpen:
      return MaskUrlPassword(value);
    case Secrecy::kConnection:
      return MaskConnection(value);
    case Secrecy::kUrl:
      return MaskUrl(value);
    case Secrecy::kSecret:
      break;
  }
  return std::string(kMask);
}

}  // namespace

std::span<const KeySpec> Schema() { return kSchema; }

std::vector<std::string_view> Parts(const KeySpec& spec) {
  std::vector<std::string_view> parts;
  std::string_view rest = spec.pattern;
  for (std::size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    parts.push_back(rest.substr(0, dot));
    rest.remove_prefix(dot + 1);
  }
  parts.push_back(rest);
  return parts;
}

const KeySpec* FindKey(const Key& key) {
  const auto found = std::find_if(kSchema.begin(), kSchema.end(), [&](const KeySpec& spec) {
    const auto parts = Parts(spec);
    return parts.size() == key.size() && StartsWith(parts, key);
  });
  return found == kSchema.end() ? nullptr : &*found;
}

Children ChildrenOf(const Key& prefix) {
  Children children;
  for (const KeySpec& spec : kSchema) {
    const auto parts = Parts(spec);
    if (parts.size() <= prefix.size() || !StartsWith(parts, prefix)) continue;
    const std::string next(parts[prefix.size()]);
    if (next == "*") {
      children.name = true;
    } else if (next == "#") {
      children.array = true;
    } else if (std::find(children.literals.begin(), children.literals.end(), next) ==
               children.literals.end()) {
      children.literals.push_back(next);
    }
  }
  return children;
}

std::optional<std::string> Nearest(std::string_view word, std::span<const std::string> candidates) {
  // Compared one by one, each comparison costs the product of both lengths: a word that long is no
  // slip of the finger.
  if (word.size() > 100) return std::nullopt;
  std::optional<std::string> nearest;
  std::size_t least = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = Distance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest;
}

std::string Shown(const KeySpec& spec, const Setting& setting) {
  std::vector<std::string> masked;
  for (const std::string& value : setting.values) masked.push_back(Masked(spec.secrecy, value));
  return fmt::format("{}", fmt::join(masked, ", "));
}

}  // namespace holdfast::config
