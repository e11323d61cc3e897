// The config object: what makes a storage a repository (docs/format/config.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "repo/keyring.h"
#include "repo/repository.h"

namespace holdfast::repo {

struct Config {
  RepositoryId repository_id;
  base::Time created;
  Features features;
  std::string authenticated;  // the text that `hmac` is of
  std::string hmac;
};

base::Bytes MakeConfig(const Keyring& keyring, base::Time created, const Features& features = {});
// Error(kCorrupt) when it was altered, Error(kUsage) for a newer format. Features are not checked.
Config ParseConfig(base::ByteView bytes);
// Was it made by someone with these keys?
bool IsAuthentic(const Config& config, const Keyring& keyring);

// Throws Error(kUsage) for a feature that this program does not know; `purpose` is what it would be
// needed for: "read", "write to", "prune".
void CheckFeatures(const std::vector<std::string>& features, std::string_view purpose);

}  // namespace holdfast::repo
