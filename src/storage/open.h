// From a configured URL to a storage.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/rate_limit.h"
#include "storage/aws_sources.h"
#include "storage/request_meter.h"
#include "storage/retry.h"
#include "storage/s3_put.h"
#include "storage/s3_storage.h"
#include "storage/s3_url.h"
#include "storage/storage.h"

namespace holdfast::storage {

struct S3Options {
  std::string endpoint{};  // as ParseEndpoint takes it
  std::string region{};    // empty: the endpoint's, or found out
  AddressStyle style = AddressStyle::kAuto;
  std::optional<base::Path> ca_file{};
  AwsCredentialOptions credentials{};
  S3PutOptions put{};
};

struct OpenOptions {
  // Create the directory when it is missing (init); otherwise a missing one is Error(kNotFound): an
  // unmounted disk must not look like an empty repository. Buckets are never created.
  bool create = false;
  // Needed for places over a network; must outlive the storage.
  base::Clock* clock = nullptr;
  std::string user_agent = "holdfast";
  S3Options s3{};
  RetryOptions retry{};
  std::shared_ptr<RequestMeter> meter{};  // of requests to S3; may be empty
  std::shared_ptr<base::RateLimit> upload_limit{};
  std::shared_ptr<base::RateLimit> download_limit{};
  std::stop_token stop{};
};

// "file:///absolute/path", a plain absolute path, or "s3://bucket/prefix". Nothing is asked of a
// bucket yet. Throws Error(kUsage) for a URL or options of no use.
std::unique_ptr<Storage> OpenStorage(std::string_view url, const OpenOptions& options);

// The same for "s3://..." only: for finding out how the store behaves (ProbeS3).
std::unique_ptr<S3Storage> OpenS3(std::string_view url, const OpenOptions& options);

// Error(kUsage) for a URL, or an endpoint of it, that OpenStorage does not take. Asks nobody.
void CheckUrl(std::string_view url, std::string_view endpoint);

bool IsS3(std::string_view url);
// Of a repository in a directory. Error(kUsage) as above.
std::optional<base::Path> DirectoryOf(std::string_view url);

}  // namespace holdfast::storage
