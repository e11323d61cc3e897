#include "upkeep/testing/verify_cases.h"

#include <cstdint>
#include <utility>

#include "base/reporter.h"

namespace holdfast::upkeep {

const Sample& Whole() {
  static const Sample sample = MakeSample();
  return sample;
}

VerifyResult VerifyAt(const Sample& sample, VerifyLevel level, std::string source) {
  base::NullReporter report;
  return Verify(sample.repository->repository(),
                {.level = level, .source = std::move(source), .jobs = 2}, report, {});
}

VerifyResult RunWithoutKey(const Sample& sample, std::string source) {
  base::NullReporter report;
  return VerifyWithoutKey(*sample.repository->faulty,
                          {.level = VerifyLevel::kPacks, .source = std::move(source), .jobs = 2},
                          report, {});
}

std::vector<std::string> NamesOf(const std::vector<Damage>& damages) {
  std::vector<std::string> names;
  for (const Damage& damage : damages) names.push_back(damage.object);
  return names;
}

base::Bytes Contents(const Sample& sample, std::string_view object) {
  return *sample.repository->memory->Get(object);
}

repo::PackId PackOf(std::string_view object) {
  return repo::PackId::FromHex(object.substr(object.rfind('/') + 1));
}

Flip::Flip(const Sample& sample, std::string object, std::size_t byte, int bit)
    : sample_(sample), object_(std::move(object)), before_(Contents(sample, object_)) {
  base::Bytes altered = before_;
  altered[byte] = static_cast<std::uint8_t>(altered[byte] ^ (1U << bit));
  Overwrite(*sample_.repository, object_, altered);
}

Flip::~Flip() { Overwrite(*sample_.repository, object_, before_); }

}  // namespace holdfast::upkeep
