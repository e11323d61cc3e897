// The recovery kit: one sheet of text with what gets everything back on an empty machine.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace holdfast::cli {

enum class KitLanguage { kEnglish, kJapanese };

// Of a locale's name: "ja_JP.UTF-8". English for all that is not known.
KitLanguage KitLanguageOf(const std::string& locale);

struct KitSource {
  std::string name;
  std::string newest_backup;
  int postgres_major = 0;  // 0: no backup of a cluster
};

struct KitFacts {
  std::string repository;  // its name in the configuration
  std::string id;
  std::string url;  // without secrets
  std::string endpoint{};
  std::string region{};
  std::string ca_file{};
  std::string key_id;
  std::string key_label;
  // A key file's line; empty: a passphrase opens the repository, and is not known to the kit.
  std::optional<std::string> key_line{};
  std::string made;
  std::string version;
  std::vector<KitSource> sources;
};

// UTF-8, up to 78 columns as far as names and the key allow it. What is to be typed stands behind
// four blanks; what must be true of the outcome, behind none.
std::string RecoveryKitText(const KitFacts& facts, KitLanguage language);

}  // namespace holdfast::cli
