#include "cli/open_storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <mutex>
#include <optional>

#include "base/size_text.h"
#include "base/time_text.h"
#include "cli/parser.h"
#include "config/mask.h"
#include "repo/ids.h"

namespace holdfast::cli {

namespace {

constexpr std::chrono::seconds kQuietAtFirst{5};
constexpr std::chrono::seconds kBetweenNotes{30};
// Its objects are replaced as a segment grows.
constexpr std::string_view kTailsPrefix = "wal-tail/";

// A store that does not answer is worth a word when it lasts, and not one for each request.
class TroubleNotes {
 public:
  TroubleNotes(base::Reporter& reporter, base::Clock& clock) : reporter_(reporter), clock_(clock) {}

  void operator()(const base::Error& error, base::Duration elapsed) {
    if (elapsed < kQuietAtFirst) return;
    const std::scoped_lock lock(mutex_);
    const auto now = clock_.Steady();
    if (last_ && now - *last_ < kBetweenNotes) return;
    last_ = now;
    reporter_.Note(
        fmt::format("{}; trying again for {}", error.message(), base::FormatDuration(elapsed)));
  }

 private:
  base::Reporter& reporter_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> last_;
};

std::shared_ptr<base::RateLimit> Limit(const std::string& option,
                                       const std::optional<std::uint64_t>& setting,
                                       base::Clock& clock) {
  const auto limit = option.empty() ? setting : std::optional(base::ParseBytes(option));
  if (!limit) return nullptr;
  if (*limit < base::kKiB)
    throw base::Error(base::ErrorKind::kUsage, "a limit of less than 1KiB a second",
                      {"--limit-upload 20MiB, for example"});
  return std::make_shared<base::RateLimit>(*limit, clock);
}

storage::AddressStyle StyleOf(std::string_view text) {
  if (text == "path") return storage::AddressStyle::kPath;
  return text == "virtual" ? storage::AddressStyle::kVirtual : storage::AddressStyle::kAuto;
}

storage::S3Checksum ChecksumOf(std::string_view text) {
  if (text == "none") return storage::S3Checksum::kNone;
  if (text == "md5") return storage::S3Checksum::kMd5;
  return text == "sha256" ? storage::S3Checksum::kSha256 : storage::S3Checksum::kAuto;
}

std::string Capitals(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

storage::S3PutOptions PutOptions(const config::S3& s3) {
  return {.storage_class = s3.storage_class,
          .server_side_encryption = s3.server_side_encryption,
          .kms_key_id = s3.kms_key_id,
          .object_lock_mode = Capitals(s3.object_lock_mode),
          .object_lock_days = s3.object_lock_days,
          .unlocked = {std::string(repo::kLeasesPrefix), std::string(repo::kPrunePrefix),
                       std::string(kTailsPrefix)},
          .checksum = ChecksumOf(s3.checksum)};
}

storage::S3Options S3OptionsOf(const config::S3& s3, const config::Environment& environment) {
  return {.endpoint = s3.endpoint,
          .region = s3.region,
          .style = StyleOf(s3.path_style),
          .ca_file = s3.ca_file,
          .credentials = {.access_key_id = s3.access_key_id,
                          .access_key_id_file = s3.access_key_id_file,
                          .secret_access_key = s3.secret_access_key,
                          .secret_access_key_file = s3.secret_access_key_file,
                          .session_token = s3.session_token,
                          .profile = s3.profile,
                          .credentials_file = s3.credentials_file,
                          .region = s3.region,
                          .environment = environment},
          .put = PutOptions(s3)};
}

}  // namespace

storage::OpenOptions StorageOptions(Session& session, const config::Repository& repository) {
  base::Clock& clock = session.clock();
  const auto notes = std::make_shared<TroubleNotes>(session.reporter(), clock);
  return {
      .clock = &clock,
      .user_agent = fmt::format("holdfast/{}", Version()),
      .s3 = S3OptionsOf(repository.s3, session.invocation().environment),
      .retry = {.on_failure = [notes](const base::Error& error,
                                      base::Duration elapsed) { (*notes)(error, elapsed); }},
      .meter = session.meter(repository.name),
      .upload_limit = Limit(session.options().limit_upload, repository.limit_upload, clock),
      .download_limit = Limit(session.options().limit_download, repository.limit_download, clock),
      .stop = session.stop()};
}

std::unique_ptr<storage::Storage> OpenStorage(Session& session,
                                              const config::Repository& repository, bool create) {
  storage::OpenOptions options = StorageOptions(session, repository);
  options.create = create;
  return storage::OpenStorage(repository.url, options);
}

std::string Describe(const config::Repository& repository) {
  return fmt::format("repository {} ({})", repository.name,
                     config::MaskUrlPassword(repository.url));
}

}  // namespace holdfast::cli
