// The contract that every storage keeps, on a real object store.
//
//   HOLDFAST_TEST_S3_ENDPOINT    http://127.0.0.1:7480; behind a proxy that disturbs, if you like
//   HOLDFAST_TEST_S3_ACCESS_KEY  a user that may create buckets
//   HOLDFAST_TEST_S3_SECRET_KEY
//
// Each test has a bucket of its own, which stays: the store is made for the tests. Without an
// endpoint everything fails.
#include "storage/testing/storage_contract.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "base/random.h"
#include "storage/open.h"

namespace holdfast::storage {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  if (value != nullptr && *value != '\0') return value;
  throw base::Error(base::ErrorKind::kUsage,
                    std::string(name) + " must name the object store to test on");
}

OpenOptions Options() {
  static base::SystemClock clock;
  OpenOptions options{.clock = &clock};
  options.s3.endpoint = Variable("HOLDFAST_TEST_S3_ENDPOINT");
  options.s3.credentials.access_key_id = Variable("HOLDFAST_TEST_S3_ACCESS_KEY");
  options.s3.credentials.secret_access_key = Variable("HOLDFAST_TEST_S3_SECRET_KEY");
  options.retry.deadline = std::chrono::minutes(1);
  return options;
}

// Made as a user would; a put that was repeated by the network finds it made.
std::string MakeBucket() {
  const std::string url = "s3://contract-" + base::RandomHex(8);
  const auto store = OpenS3(url, Options());
  for (int attempt = 0; attempt < 20; ++attempt) {
    try {
      const int status = store->client().Send({.method = "PUT"}).status;
      if (status == 200 || status == 409) return url;
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kUnavailable) throw;
    }
  }
  throw base::Error(base::ErrorKind::kUnavailable, "no bucket can be made");
}

std::shared_ptr<Storage> MakeStorage(const std::string& folder) {
  std::shared_ptr<Storage> storage = OpenStorage(MakeBucket() + folder, Options());
  // What the store does with a put of an existing name is learned by the first objects; a proxy may
  // keep the answer back.
  for (int i = 0; i < 5 && !storage->traits().atomic_put_if_absent; ++i) {
    EXPECT_EQ(storage->Put("first", base::AsBytes("x")), PutOutcome::kStored);
    EXPECT_EQ(storage->Remove("first"), RemoveOutcome::kRemoved);
  }
  return storage;
}

INSTANTIATE_TEST_SUITE_P(
    S3, StorageContract,
    testing::Values(ContractSubject{"Bucket", [] { return MakeStorage(""); }},
                    ContractSubject{"Prefix", [] { return MakeStorage("/some/pre-fix_1.x"); }}),
    SubjectName);

}  // namespace
}  // namespace holdfast::storage
