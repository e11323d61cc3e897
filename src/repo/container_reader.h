// What packs and blobs have in common for a reader: sealed frames behind a header, before a footer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "repo/keyring.h"
#include "repo/pack.h"

namespace holdfast::repo {

// As PackReader, but errors begin with `name`.
class ContainerReader {
 public:
  ContainerReader(const Keyring& keyring, std::string name, const PackId& id,
                  base::ByteView header);
  ~ContainerReader();
  ContainerReader(ContainerReader&&) noexcept;

  PackReader::FooterOrNeed ReadFooter(base::ByteView tail, std::uint64_t pack_size);
  base::Bytes OpenFrame(const PackFooter& footer, std::uint32_t frame, base::ByteView stored);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::repo
