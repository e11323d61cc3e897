#include "storage/s3_bucket_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <pugixml.hpp>
#include <utility>

#include "base/error.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;
using Grade = StoreFinding::Grade;

constexpr const char* kLifecycle = "lifecycle rules";
constexpr const char* kVersions = "versions";

StoreFinding NotKnown(const char* name, const Error& error, std::string hint) {
  return {.name = name,
          .grade = Grade::kAttention,
          .words = fmt::format("not known: {}", error.message()),
          .hint = std::move(hint)};
}

// One of the bucket's settings; empty when it has none. Throws what the store says instead.
std::optional<base::Bytes> ReadSetting(S3Storage& storage, const std::string& name,
                                       std::string_view action, std::string_view absent_code) {
  const S3Request request{.query = {{name, ""}}};
  return storage.retrier().Run([&]() -> std::optional<base::Bytes> {
    S3Client& client = storage.client();
    http::Response response = client.Send(request);
    if (response.status == 200) return std::move(response.body);
    if (ParseS3Failure(response).code == absent_code) return std::nullopt;
    throw client.Failure(response, request, action);
  });
}

bool KeepsVersions(base::ByteView xml) {
  pugi::xml_document document;
  document.load_buffer(xml.data(), xml.size());
  return std::string_view(document.child("VersioningConfiguration").child_value("Status")) ==
         "Enabled";
}

StoreFinding JudgeVersions(bool kept, const std::optional<std::vector<LifecycleRule>>& rules,
                           std::string_view prefix) {
  if (!kept) return {.name = kVersions, .words = "of removed objects are not kept"};
  const bool end = rules && std::ranges::any_of(*rules, [&](const LifecycleRule& rule) {
                     return rule.ends_versions && Covers(rule, prefix);
                   });
  if (end) return {.name = kVersions, .words = "of removed objects are kept, and end by a rule"};
  return {.name = kVersions,
          .grade = Grade::kWorthKnowing,
          .words =
              "of removed objects are kept for ever, unless a lifecycle rule ends them "
              "(NoncurrentVersionExpiration)"};
}

}  // namespace

StoreFinding JudgeLifecycle(const std::vector<LifecycleRule>& rules, std::string_view prefix) {
  for (const LifecycleRule& rule : rules) {
    if (rule.deletes && Covers(rule, prefix))
      return {.name = kLifecycle,
              .grade = Grade::kUnfit,
              .words = fmt::format("the rule \"{}\" deletes objects here by their age", rule.name),
              .hint =
                  "newer backups need packs of older ones: end the rule, or let it spare this "
                  "prefix; `holdfast prune` removes what no backup needs"};
  }
  for (const LifecycleRule& rule : rules) {
    if (rule.archives && Covers(rule, prefix))
      return {.name = kLifecycle,
              .grade = Grade::kAttention,
              .words = fmt::format("the rule \"{}\" moves objects to an archive, from where they "
                                   "cannot be read at once",
                                   rule.name),
              .hint = "end the rule, or move to GLACIER_IR instead: a restore would stand still"};
  }
  return {.name = kLifecycle, .words = "none deletes objects here by their age"};
}

std::vector<StoreFinding> BucketRuleFindings(S3Storage& storage) {
  const std::string& prefix = storage.client().location().prefix;
  std::vector<StoreFinding> findings;
  std::optional<std::vector<LifecycleRule>> rules;
  try {
    const auto xml = ReadSetting(storage, "lifecycle", "s3:GetLifecycleConfiguration",
                                 "NoSuchLifecycleConfiguration");
    rules = xml ? ParseLifecycle(*xml) : std::vector<LifecycleRule>();
    findings.push_back(JudgeLifecycle(*rules, prefix));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kCancelled) throw;
    findings.push_back(NotKnown(kLifecycle, error,
                                "see to it that no rule of the bucket deletes objects here by "
                                "their age, or allow s3:GetLifecycleConfiguration"));
  }
  try {
    const auto xml = ReadSetting(storage, "versioning", "s3:GetBucketVersioning", "");
    findings.push_back(JudgeVersions(xml && KeepsVersions(*xml), rules, prefix));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kCancelled) throw;
    StoreFinding finding = NotKnown(kVersions, error, {});
    finding.grade = Grade::kWorthKnowing;
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace holdfast::storage
