#include "backup/capture_server.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "pg/cluster_reader.h"

namespace holdfast::backup {

namespace {

// That the server is another one now is the session's to tell.
template <typename Open>
auto OpenAgain(Open&& open) {
  try {
    return open();
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kConflict) throw;
    throw base::Error(base::ErrorKind::kUnavailable, error.message(), error.hints());
  }
}

// What failed is opened again by the next use.
template <typename Opened, typename Use>
auto UseOrDrop(Opened& opened, Use&& use) {
  try {
    return use(*opened);
  } catch (...) {
    opened.reset();
    throw;
  }
}

class HeldServer final : public wal::CaptureServer {
 public:
  HeldServer(const BackupOptions& options, const pg::BackupSession& session, pg::WalHold hold)
      : options_(options), session_(session), hold_(std::move(hold)) {
    hold_->Prove(session_.proof());
  }

  pg::Lsn FlushPosition() override {
    RequireHold();
    return UseOrDrop(hold_, [](pg::WalHold& hold) { return hold.FlushPosition(); });
  }
  bool HoldsWal() const override { return hold_ && hold_->holds(); }
  void LetGo(pg::Lsn before) override {
    RequireHold();
    UseOrDrop(hold_, [&](pg::WalHold& hold) { hold.LetGo(before); });
  }
  std::optional<std::size_t> ReadAt(std::string_view name, std::uint64_t offset,
                                    base::MutableByteView out) override {
    if (!directory_) directory_ = OpenAgain([&] { return OpenDirectory(); });
    return UseOrDrop(directory_, [&](pg::WalDirectory& directory) {
      return directory.ReadAt(name, offset, out);
    });
  }

 private:
  void RequireHold() {
    if (hold_) return;
    hold_.emplace(OpenAgain([&] {
      pg::WalHold hold = pg::WalHold::Open(options_.connect);
      hold.Prove(session_.proof());
      return hold;
    }));
  }

  std::unique_ptr<pg::WalDirectory> OpenDirectory() const {
    if (options_.data_directory) return pg::OpenLocalWalDirectory(*options_.data_directory);
    return pg::OpenSqlWalDirectory(options_.connect, session_);
  }

  const BackupOptions& options_;
  const pg::BackupSession& session_;
  std::optional<pg::WalHold> hold_;
  std::unique_ptr<pg::WalDirectory> directory_;
};

}  // namespace

std::unique_ptr<wal::CaptureServer> OpenCaptureServer(const BackupOptions& options,
                                                      const pg::BackupSession& session,
                                                      pg::WalHold hold) {
  return std::make_unique<HeldServer>(options, session, std::move(hold));
}

}  // namespace holdfast::backup
