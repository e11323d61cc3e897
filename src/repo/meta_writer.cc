#include <mutex>
#include <optional>
#include <utility>

#include "repo/writer_state.h"

namespace holdfast::repo {

struct MetaWriter::State {
  Writer& writer;
  std::mutex mutex;  // guards the following
  PackId provisional;
  std::optional<PackBuilder> pack;

  // Not reached through `writer` at once: a MetaWriter is a part of it.
  Writer::State& shared() { return *writer.state_; }

  void Begin() {
    if (pack) return;
    provisional = shared().names.NewProvisional();
    pack.emplace(shared().repository.keyring(), PackKind::kMeta, shared().options.compression);
  }

  void Flush() {
    if (!pack) return;
    PackBuilder full = std::move(*pack);
    pack.reset();
    shared().PutPack(provisional, full.Finish());
  }

  PackId Translate(const PackId& id) {
    return id == provisional ? PackId{} : shared().names.Named(id);
  }
};

MetaWriter::MetaWriter(Writer& writer)
    : state_(new State{.writer = writer, .mutex = {}, .provisional = {}, .pack = std::nullopt}) {}
MetaWriter::~MetaWriter() = default;

FrameRef MetaWriter::Append(FrameKind kind, base::ByteView raw) {
  return AppendWith(kind, [&](const Translate&) { return base::Bytes(raw.begin(), raw.end()); });
}

FrameRef MetaWriter::AppendWith(FrameKind kind,
                                const std::function<base::Bytes(const Translate&)>& encode) {
  const std::scoped_lock lock(state_->mutex);
  state_->Begin();
  const base::Bytes raw = encode([&](const PackId& id) { return state_->Translate(id); });
  const FrameRef ref{state_->provisional, state_->pack->Append(kind, raw)};
  if (state_->pack->size() >= state_->shared().options.pack_size) state_->Flush();
  return ref;
}

void MetaWriter::Flush() {
  const std::scoped_lock lock(state_->mutex);
  state_->Flush();
}

Writer& MetaWriter::writer() { return state_->writer; }

}  // namespace holdfast::repo
