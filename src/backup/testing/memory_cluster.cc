#include "backup/testing/memory_cluster.h"

#include <algorithm>
#include <random>
#include <set>

#include "pg/page.h"

namespace holdfast::backup {

namespace {

class Reader final : public pg::FileReader {
 public:
  explicit Reader(MemoryCluster& cluster) : cluster_(cluster) {}
  std::optional<std::size_t> ReadAt(std::string_view path, std::uint64_t offset,
                                    base::MutableByteView out) override {
    return cluster_.Read(path, offset, out);
  }

 private:
  MemoryCluster& cluster_;
};

void Store16(base::Bytes& page, std::size_t offset, std::uint16_t value) {
  page[offset] = static_cast<std::uint8_t>(value);
  page[offset + 1] = static_cast<std::uint8_t>(value >> 8);
}

}  // namespace

std::vector<pg::ClusterEntry> MemoryCluster::List() {
  const std::scoped_lock lock(mutex_);
  std::set<std::string> folders;
  std::vector<pg::ClusterEntry> entries;
  for (const auto& [path, contents] : files_) {
    for (auto slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      folders.insert(path.substr(0, slash));
    }
    entries.push_back({.path = path,
                       .size = contents.size(),
                       .modified = base::Time(std::chrono::seconds(1'700'000'000))});
  }
  for (const std::string& folder : folders) {
    entries.push_back({.path = folder, .type = pg::ClusterEntry::Type::kDirectory, .mode = 0700});
  }
  std::ranges::sort(entries, {}, &pg::ClusterEntry::path);
  return entries;
}

std::unique_ptr<pg::FileReader> MemoryCluster::NewReader() {
  return std::make_unique<Reader>(*this);
}

std::optional<std::size_t> MemoryCluster::Read(std::string_view path, std::uint64_t offset,
                                               base::MutableByteView out) {
  const std::scoped_lock lock(mutex_);
  if (on_read_) on_read_(path, offset);
  const auto file = files_.find(path);
  if (file == files_.end()) return std::nullopt;
  const base::ByteView rest =
      base::ByteView(file->second).subspan(std::min<std::uint64_t>(offset, file->second.size()));
  const std::size_t count = std::min(rest.size(), out.size());
  std::ranges::copy(rest.first(count), out.begin());
  return count;
}

base::Bytes SoundPage(std::uint64_t seed) {
  base::Bytes page(pg::kPageSize);
  std::mt19937_64 random(seed);
  for (std::size_t i = 4096; i < page.size(); ++i)
    page[i] = static_cast<std::uint8_t>(random() & 15U);
  page[0] = 1;                           // LSN
  Store16(page, 12, 24);                 // lower: right behind the header
  Store16(page, 14, 4096);               // upper
  Store16(page, 16, pg::kPageSize);      // special
  Store16(page, 18, pg::kPageSize | 4);  // size and layout version
  return page;
}

}  // namespace holdfast::backup
