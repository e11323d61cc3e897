#include <fmt/format.h>

#include "repo/container_reader.h"
#include "repo/pack.h"

namespace holdfast::repo {

struct PackReader::State {
  ContainerReader container;
};

PackReader::PackReader(const Keyring& keyring, const PackId& id, base::ByteView header)
    : state_(std::make_unique<State>(
          State{ContainerReader(keyring, fmt::format("pack {}", id.ToHex()), id, header)})) {}
PackReader::~PackReader() = default;
PackReader::PackReader(PackReader&&) noexcept = default;

PackReader::FooterOrNeed PackReader::ReadFooter(base::ByteView tail, std::uint64_t pack_size) {
  return state_->container.ReadFooter(tail, pack_size);
}

base::Bytes PackReader::OpenFrame(const PackFooter& footer, std::uint32_t frame,
                                  base::ByteView stored) {
  return state_->container.OpenFrame(footer, frame, stored);
}

}  // namespace holdfast::repo
