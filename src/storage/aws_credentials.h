// Keys for requests to S3, and the places where they may be found.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace holdfast::storage {

struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token{};          // empty: none goes with them
  std::optional<base::Time> expires{};  // empty: never
};

// One place: "the environment", "the metadata service of this machine".
struct AwsCredentialSource {
  std::string name;
  // Empty: nothing is set up there. Throws when there is, and it cannot be had.
  std::function<std::optional<AwsCredentials>()> fetch;
};

// The first place that has some; asked again before what it gave expires. Thread-safe: one thread
// asks, the others wait for it.
class AwsCredentialChain {
 public:
  // `clock` must outlive the chain.
  AwsCredentialChain(std::vector<AwsCredentialSource> sources, base::Clock& clock)
      : sources_(std::move(sources)), clock_(clock) {}

  // Good for some minutes at least, unless their place cannot be reached and they are still good
  // for less. Error(kUsage) naming the places when none has any.
  AwsCredentials Get();

  // The store took `refused` for expired or unknown: fetches others. False when the same come back.
  bool Renew(const AwsCredentials& refused);

 private:
  AwsCredentials Fetch();

  std::vector<AwsCredentialSource> sources_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::optional<AwsCredentials> current_;
  // Not before this after a failed refresh.
  std::optional<base::Time> next_try_;
};

}  // namespace holdfast::storage
