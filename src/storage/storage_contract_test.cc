#include "storage/testing/storage_contract.h"

#include <cerrno>

#include "base/testing/manual_clock.h"
#include "storage/directory_storage.h"
#include "storage/memory_storage.h"
#include "storage/metered_storage.h"
#include "storage/retrying_storage.h"
#include "storage/testing/faulty_storage.h"
#include "storage/testing/temporary_directory.h"

namespace holdfast::storage {
namespace {

template <typename What>
std::shared_ptr<Storage> KeptWith(std::shared_ptr<What> owner, Storage& storage) {
  return {std::move(owner), &storage};
}

struct InDirectory {
  explicit InDirectory(DirectoryOptions options)
      : storage(directory.path() / "root", std::move(options)) {}
  TemporaryDirectory directory;
  DirectoryStorage storage;
};

std::shared_ptr<Storage> MakeDirectory(DirectoryOptions options = {}) {
  options.create = true;
  auto made = std::make_shared<InDirectory>(std::move(options));
  return KeptWith(made, made->storage);
}

// As on NFS.
std::shared_ptr<Storage> MakeDirectoryWithoutRename() {
  DirectoryOptions options;
  options.publish_calls.rename = [](int, const std::string&, const std::string&) { return EINVAL; };
  return MakeDirectory(std::move(options));
}

struct InMemory {
  base::ManualClock clock;
  MemoryStorage storage{clock};
};

std::shared_ptr<Storage> MakeMemory() {
  auto made = std::make_shared<InMemory>();
  return KeptWith(made, made->storage);
}

std::shared_ptr<Storage> MakeMetered() { return std::make_shared<MeteredStorage>(MakeMemory()); }

std::shared_ptr<Storage> MakeFaulty() { return std::make_shared<FaultyStorage>(MakeMemory()); }

struct Retried {
  explicit Retried(std::shared_ptr<Storage> below) : storage(std::move(below), clock) {}
  base::ManualClock clock;
  RetryingStorage storage;
};

// Over a store of which the first request of each verb fails, some of them after they were carried
// out.
std::shared_ptr<Storage> MakeRetrying() {
  auto faulty = std::make_shared<FaultyStorage>(MakeMemory());
  for (const Verb verb : {Verb::kGet, Verb::kGetRange, Verb::kStat, Verb::kStoreTime}) {
    faulty->Inject({.kind = FaultKind::kFailNotApplied, .verb = verb});
  }
  faulty->Inject({.kind = FaultKind::kFailApplied, .verb = Verb::kPut});
  faulty->Inject({.kind = FaultKind::kTruncate, .verb = Verb::kList, .byte = 3});
  auto made = std::make_shared<Retried>(std::move(faulty));
  return KeptWith(made, made->storage);
}

INSTANTIATE_TEST_SUITE_P(
    Storages, StorageContract,
    testing::Values(ContractSubject{"Memory", MakeMemory},
                    ContractSubject{"Directory", [] { return MakeDirectory(); }},
                    ContractSubject{"DirectoryWithoutRename", MakeDirectoryWithoutRename},
                    ContractSubject{"Metered", MakeMetered},
                    ContractSubject{"Retrying", MakeRetrying},
                    ContractSubject{"Faulty", MakeFaulty}),
    SubjectName);

}  // namespace
}  // namespace holdfast::storage
