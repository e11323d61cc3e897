#include "storage/s3_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "storage/aws_digest.h"
#include "storage/s3_bucket_rules.h"
#include "storage/s3_listing.h"
#include "storage/s3_range.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;
using Grade = StoreFinding::Grade;

constexpr std::string_view kContents = "0123456789";
constexpr std::string_view kOtherContents = "another";

bool IsDone(const http::Response& response) {
  return response.status >= 200 && response.status < 300;
}

class Probe {
 public:
  explicit Probe(S3Storage& storage)
      : storage_(storage),
        client_(storage.client()),
        folder_(fmt::format("{}{}/", kProbePrefix, base::RandomHex(8))),
        // In the order of bytes, which is not that of folders.
        keys_({folder_ + "a-b", folder_ + "a/c", folder_ + "ab"}) {}

  std::vector<StoreFinding> Run() {
    // The names are this probe's own: one that is there already was put by it.
    for (const std::string& key : keys_) (void)Put(key, kContents);
    Add([&] { return PutIfAbsentFinding(); });
    Add([&] { return ListingFinding(); });
    Add([&] { return RangeFinding(); });
    Add([&] { return ChecksumFinding(); });
    Add([&] { return RemoveFinding(); });
    return std::move(findings_);
  }

 private:
  template <typename Find>
  void Add(Find&& find) {
    try {
      findings_.push_back(find());
    } catch (const Error& error) {
      findings_.push_back(FindingOf(error));
    }
  }

  // What may not be asked is not known; it is no reason to stop.
  StoreFinding FindingOf(const Error& error) const {
    if (error.kind() == ErrorKind::kDenied)
      return Found(Grade::kAttention, fmt::format("not known: {}", error.message()),
                   "for a host that may only add this is as it should be");
    if (error.kind() != ErrorKind::kCorrupt) throw error;
    return Found(Grade::kUnfit, error.message(),
                 error.hints().empty() ? "use another store" : error.hints().front());
  }

  StoreFinding Found(Grade grade, std::string words, std::string hint = {}) const {
    return {.name = current_, .grade = grade, .words = std::move(words), .hint = std::move(hint)};
  }

  // Until there is an answer that is not one for the moment.
  http::Response Ask(const S3Request& request, std::string_view action) {
    return storage_.retrier().Run([&] {
      http::Response response = client_.Send(request);
      if (response.status >= 300) {
        Error error = client_.Failure(response, request, action);
        // 400 is the answer to what is wrong on purpose.
        if (error.kind() == ErrorKind::kUnavailable && response.status != 400) throw error;
      }
      return response;
    });
  }

  PutOutcome Put(const std::string& key, std::string_view contents) {
    return storage_.putter().PutKey(key, base::AsBytes(contents));
  }

  StoreFinding PutIfAbsentFinding() {
    current_ = "put if absent";
    if (Put(keys_[0], kOtherContents) == PutOutcome::kAlreadyThere)
      return Found(Grade::kGood, "an object that exists is not replaced");
    storage_.putter().Learned(PutIfAbsent::kIgnored);
    return Found(
        Grade::kWorthKnowing,
        "an object that exists is replaced: holdfast looks first, and names objects so that "
        "nothing depends on it");
  }

  StoreFinding ListingFinding() {
    current_ = "listing";
    std::vector<std::string> listed;
    // Two a page: then the third proves that pages go on.
    ListS3(client_, storage_.retrier(), {.prefix = folder_, .page_size = 2, .all_names = true},
           [&](const ObjectInfo& object) { listed.push_back(object.name); });
    if (listed == keys_)
      return Found(Grade::kGood, "what was put is listed at once, in order, page by page");
    return Found(
        Grade::kUnfit,
        fmt::format("of {} objects that were just put, {} are listed", keys_.size(), listed.size()),
        "holdfast needs a store that lists what it acknowledged: use another");
  }

  StoreFinding RangeFinding() {
    current_ = "parts of objects";
    const ByteRange range{.offset = 2, .length = 3};
    const S3Request request{.key = keys_[1], .headers = {{"Range", range.ToHeader()}}};
    http::Response response = Ask(request, "s3:GetObject");
    const int status = response.status;
    if (!IsDone(response)) throw client_.Failure(response, request, "s3:GetObject");
    if (base::AsText(CutRange(range, std::move(response))) != kContents.substr(2, 3))
      throw Error(ErrorKind::kCorrupt, "the store sends another part than was asked for");
    if (status == 206) return Found(Grade::kGood, "are sent as asked for");
    return Found(Grade::kAttention, "are not sent: each read takes the whole object",
                 "restores of single files and checks will read much more than they need; another "
                 "store, or whatever stands in between, may know ranges");
  }

  StoreFinding ChecksumFinding() {
    current_ = "checksums";
    const std::string key = folder_ + "damaged";
    S3Request request = storage_.putter().RequestFor(key, base::AsBytes(kContents));
    const std::string wrong = base::ToHex(Sha256(base::AsBytes(kOtherContents)));
    request.false_sha256 = wrong;
    if (!IsDone(Ask(request, "s3:PutObject")))
      return Found(Grade::kGood, "damage on the way is noticed");
    to_remove_.push_back(key);
    if (client_.tls())
      return Found(Grade::kWorthKnowing, "the store does not compare them; TLS protects the way");
    return Found(Grade::kAttention, "the store takes what was damaged on the way",
                 "use https, or set checksum = \"md5\" for the repository");
  }

  StoreFinding RemoveFinding() {
    current_ = "removing";
    to_remove_.insert(to_remove_.end(), keys_.begin(), keys_.end());
    for (const std::string& key : to_remove_) {
      const S3Request request{.method = "DELETE", .key = key};
      const http::Response response = Ask(request, "s3:DeleteObject");
      if (!IsDone(response) && response.status != 404)
        throw client_.Failure(response, request, "s3:DeleteObject");
    }
    const http::Response response = Ask({.key = keys_[0]}, "s3:GetObject");
    if (IsNoSuchKey(ParseS3Failure(response)))
      return Found(Grade::kGood, "what is removed is gone at once");
    return Found(Grade::kUnfit, "an object that was removed can still be read",
                 "holdfast needs a store that does what it acknowledges: use another");
  }

  S3Storage& storage_;
  S3Client& client_;
  std::string folder_;
  std::vector<std::string> keys_;
  std::vector<std::string> to_remove_;
  std::string current_;  // what is being found out
  std::vector<StoreFinding> findings_;
};

}  // namespace

std::vector<StoreFinding> ProbeS3(S3Storage& storage) {
  std::vector<StoreFinding> findings = Probe(storage).Run();
  for (StoreFinding& finding : BucketRuleFindings(storage)) findings.push_back(std::move(finding));
  return findings;
}

}  // namespace holdfast::storage
