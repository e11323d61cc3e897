// A cluster's files in memory, which change, shrink and vanish as a test tells them to.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/synchronized.h"
#include "pg/cluster_reader.h"

namespace holdfast::backup {

using Files = std::map<std::string, base::Bytes, std::less<>>;

class MemoryCluster final : public pg::ClusterReader {
 public:
  // Files as they are now. Call it before reading starts, or from `on_read`.
  Files& files() { return files_; }
  // Called before every read with the path, under the cluster's lock.
  void OnRead(std::function<void(std::string_view path, std::uint64_t offset)> on_read) {
    on_read_ = std::move(on_read);
  }

  std::vector<pg::ClusterEntry> List() override;
  std::unique_ptr<pg::FileReader> NewReader() override;
  std::string method() const override { return "memory"; }

  std::optional<std::size_t> Read(std::string_view path, std::uint64_t offset,
                                  base::MutableByteView out);

 private:
  std::mutex mutex_;
  Files files_;
  std::function<void(std::string_view, std::uint64_t)> on_read_;
};

// A page that PostgreSQL would accept: an empty heap page whose item space holds `seed`.
base::Bytes SoundPage(std::uint64_t seed);

}  // namespace holdfast::backup
