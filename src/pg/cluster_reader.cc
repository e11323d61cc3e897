#include "pg/cluster_reader.h"

namespace holdfast::pg {

std::vector<std::optional<std::size_t>> FileReader::ReadRanges(std::string_view path,
                                                               std::span<const FileRange> ranges) {
  std::vector<std::optional<std::size_t>> sizes;
  sizes.reserve(ranges.size());
  for (const FileRange& range : ranges) sizes.push_back(ReadAt(path, range.offset, range.out));
  return sizes;
}

}  // namespace holdfast::pg
