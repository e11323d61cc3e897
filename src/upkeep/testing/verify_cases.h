// Verifications of the sample repository, and damage to it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "repo/ids.h"
#include "upkeep/testing/sample_repository.h"
#include "upkeep/verify.h"

namespace holdfast::upkeep {

// Made once: to be damaged are its clones.
const Sample& Whole();

VerifyResult VerifyAt(const Sample& sample, VerifyLevel level, std::string source = {});
VerifyResult RunWithoutKey(const Sample& sample, std::string source = {});

std::vector<std::string> NamesOf(const std::vector<Damage>& damages);

base::Bytes Contents(const Sample& sample, std::string_view object);

repo::PackId PackOf(std::string_view object);

// Flips a bit while it lives.
class Flip {
 public:
  Flip(const Sample& sample, std::string object, std::size_t byte, int bit = 0);
  ~Flip();
  Flip(const Flip&) = delete;
  Flip& operator=(const Flip&) = delete;

 private:
  const Sample& sample_;
  const std::string object_;
  const base::Bytes before_;
};

}  // namespace holdfast::upkeep
