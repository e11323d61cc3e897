#include "storage/aws_credentials.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;

// Longer than the longest request is likely to take; the places themselves renew earlier.
constexpr std::chrono::minutes kRenewBefore{5};
constexpr std::chrono::seconds kRetryAfter{30};

}  // namespace

AwsCredentials AwsCredentialChain::Get() {
  const std::scoped_lock lock(mutex_);
  const base::Time now = clock_.Now();
  if (!current_) return *(current_ = Fetch());
  const bool fresh = !current_->expires || now + kRenewBefore < *current_->expires;
  if (fresh || (next_try_ && now < *next_try_)) return *current_;
  try {
    current_ = Fetch();
    next_try_.reset();
  } catch (const Error&) {
    if (now >= *current_->expires) throw;
    next_try_ = now + kRetryAfter;
  }
  return *current_;
}

bool AwsCredentialChain::Renew(const AwsCredentials& refused) {
  const std::scoped_lock lock(mutex_);
  const auto same = [&](const AwsCredentials& other) {
    return other.access_key_id == refused.access_key_id &&
           other.secret_access_key == refused.secret_access_key &&
           other.session_token == refused.session_token;
  };
  if (current_ && !same(*current_)) return true;  // another thread was quicker
  current_ = Fetch();
  next_try_.reset();
  return !same(*current_);
}

AwsCredentials AwsCredentialChain::Fetch() {
  std::string names;
  for (const AwsCredentialSource& source : sources_) {
    const auto found = base::WithContext(
        [&] { return fmt::format("credentials for S3 from {}", source.name); }, source.fetch);
    if (found) return *found;
    names += names.empty() ? source.name : ", " + source.name;
  }
  throw Error(
      ErrorKind::kUsage, fmt::format("there are no credentials for S3 in {}", names),
      {"set access_key_id and secret_access_key_file of the repository, or AWS_ACCESS_KEY_ID "
       "and AWS_SECRET_ACCESS_KEY"});
}

}  // namespace holdfast::storage
