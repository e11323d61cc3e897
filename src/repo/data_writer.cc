#include <optional>
#include <utility>

#include "repo/writer_state.h"

namespace holdfast::repo {

struct DataWriter::State {
  Writer& writer;
  Writer::State& shared;
  PackId provisional;
  std::optional<PackBuilder> pack;

  FrameRef Next() const { return {provisional, pack ? pack->frame_count() : 0}; }

  FrameRef Append(FrameKind kind, base::ByteView raw, std::span<const std::uint64_t> hashes) {
    if (!pack) {
      pack.emplace(shared.repository.keyring(), PackKind::kData, shared.options.compression);
    }
    const FrameRef ref{provisional, pack->Append(kind, raw, hashes)};
    if (pack->size() >= shared.options.pack_size) Flush();
    return ref;
  }

  void Flush() {
    if (!pack) return;
    PackBuilder full = std::move(*pack);
    pack.reset();
    shared.PutPack(std::exchange(provisional, shared.names.NewProvisional()), full.Finish());
  }
};

DataWriter::DataWriter(Writer& writer)
    : state_(new State{.writer = writer,
                       .shared = *writer.state_,
                       .provisional = writer.names().NewProvisional(),
                       .pack = std::nullopt}) {}
DataWriter::~DataWriter() = default;

FrameRef DataWriter::AppendPages(base::ByteView pages, std::span<const std::uint64_t> hashes) {
  return state_->Append(FrameKind::kPages, pages, hashes);
}

FrameRef DataWriter::AppendBytes(base::ByteView bytes) {
  return state_->Append(FrameKind::kBytes, bytes, {});
}

FrameRef DataWriter::NextFrame() const { return state_->Next(); }

void DataWriter::Flush() { state_->Flush(); }

}  // namespace holdfast::repo
