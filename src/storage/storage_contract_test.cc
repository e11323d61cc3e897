#include "storage/testing/storage_contract.h"

#include <cerrno>

#include "base/testing/manual_clock.h"
#include "storage/directory_storage.h"
#include "storage/limited_storage.h"
#include "storage/memory_storage.h"
#include "storage/metered_storage.h"
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

std::shared_ptr<Storage> MakeLimited() {
  auto clock = std::make_shared<base::ManualClock>();
  const auto limit = std::make_shared<base::RateLimit>(base::kMiB, *clock);
  auto made = std::make_shared<LimitedStorage>(MakeMemory(), limit, limit);
  return {made.get(), [made, clock](Storage*) {}};
}

std::shared_ptr<Storage> MakeFaulty() { return std::make_shared<FaultyStorage>(MakeMemory()); }

INSTANTIATE_TEST_SUITE_P(
    Storages, StorageContract,
    testing::Values(ContractSubject{"Memory", MakeMemory},
                    ContractSubject{"Directory", [] { return MakeDirectory(); }},
                    ContractSubject{"DirectoryWithoutRename", MakeDirectoryWithoutRename},
                    ContractSubject{"Metered", MakeMetered},
                    ContractSubject{"Limited", MakeLimited}, ContractSubject{"Faulty", MakeFaulty}),
    SubjectName);

}  // namespace
}  // namespace holdfast::storage
