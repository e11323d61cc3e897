#include "storage/open.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "storage/aws_profile_source.h"
#include "storage/directory_storage.h"
#include "storage/limited_storage.h"

namespace holdfast::storage {

namespace {

constexpr std::string_view kFileScheme = "file://";

// A URL of another kind may have a password in it.
std::string_view WithoutUser(std::string_view url) {
  return url.find('@') == std::string_view::npos ? url : url.substr(0, url.find(':'));
}

// The path in a URL or a plain path.
std::string_view DirectoryPath(std::string_view url) {
  std::string_view path = url;
  if (url.starts_with(kFileScheme)) {
    path.remove_prefix(kFileScheme.size());
    // An escaped character; a plain path needs none, and none can be misunderstood there.
    if (path.find('%') != std::string_view::npos) {
      throw base::Error(base::ErrorKind::kUsage,
                        fmt::format("\"{}\" has an escaped character", url),
                        {"write the path as it is, without file://"});
    }
  }
  if (path.starts_with('/')) return path;
  throw base::Error(
      base::ErrorKind::kUsage, fmt::format("\"{}\" is not a place for objects", WithoutUser(url)),
      {"write an absolute path, like /srv/backup or file:///srv/backup, or s3://bucket/prefix"});
}

http::ClientOptions HttpOptions(const OpenOptions& options) {
  return {.ca_file = options.s3.ca_file,
          .user_agent = options.user_agent,
          .upload_limit = options.upload_limit,
          .download_limit = options.download_limit,
          .stop = options.stop};
}

// The services that give credentials out are near, and asked for little.
http::ClientOptions ServiceHttpOptions(const OpenOptions& options) {
  return {.connect_timeout = std::chrono::seconds(2),
          .stall_timeout = std::chrono::seconds(10),
          .ca_file = options.s3.ca_file,
          .user_agent = options.user_agent,
          .stop = options.stop};
}

// What the endpoint's name tells is better than a profile that was made for another.
std::string RegionOf(const S3Options& s3) {
  const bool known = !s3.region.empty() || !ParseEndpoint(s3.endpoint).region.empty();
  return known ? s3.region : AwsProfileRegion(s3.credentials);
}

}  // namespace

std::unique_ptr<S3Storage> OpenS3(std::string_view url, const OpenOptions& options) {
  const S3Options& s3 = options.s3;
  base::Clock& clock = *options.clock;
  auto sources = AwsCredentialSources(
      s3.credentials, std::make_shared<http::Client>(ServiceHttpOptions(options)), clock);
  auto client = std::make_unique<S3Client>(
      S3ClientOptions{.location = ParseS3Url(url),
                      .endpoint = ParseEndpoint(s3.endpoint),
                      .region = RegionOf(s3),
                      .style = s3.style,
                      .meter = options.meter},
      std::make_shared<http::Client>(HttpOptions(options)),
      std::make_shared<AwsCredentialChain>(std::move(sources), clock), clock);
  return std::make_unique<S3Storage>(
      std::move(client),
      S3StorageOptions{.put = s3.put, .retry = options.retry, .stop = options.stop}, clock);
}

std::unique_ptr<Storage> OpenStorage(std::string_view url, const OpenOptions& options) {
  if (IsS3(url)) return OpenS3(url, options);
  auto directory = std::make_unique<DirectoryStorage>(base::Path(DirectoryPath(url)),
                                                      DirectoryOptions{.create = options.create});
  if (!options.upload_limit && !options.download_limit) return directory;
  return std::make_unique<LimitedStorage>(std::move(directory), options.upload_limit,
                                          options.download_limit, options.stop);
}

void CheckUrl(std::string_view url, std::string_view endpoint) {
  if (!IsS3(url)) {
    (void)DirectoryPath(url);
    return;
  }
  (void)ParseS3Url(url);
  (void)ParseEndpoint(endpoint);
}

bool IsS3(std::string_view url) { return url.starts_with(kS3Scheme); }

std::optional<base::Path> DirectoryOf(std::string_view url) {
  if (IsS3(url)) return std::nullopt;
  return base::Path(DirectoryPath(url));
}

}  // namespace holdfast::storage
