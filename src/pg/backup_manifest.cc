#include "pg/backup_manifest.h"

#include <date/date.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace holdfast::pg {

namespace {

constexpr std::uint32_t kFirstMajorOfVersion2 = 17;

// As a JSON string, or nothing when the bytes are not UTF-8.
std::optional<std::string> JsonString(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    return std::nullopt;
  }
}

std::string PathField(std::string_view path) {
  if (const auto text = JsonString(path)) return fmt::format("\"Path\": {}", *text);
  return fmt::format("\"Encoded-Path\": \"{}\"", base::ToHex(base::AsBytes(path)));
}

std::string FormatGmt(base::Time time) {
  return date::format("%F %T GMT", std::chrono::floor<std::chrono::seconds>(time));
}

// The server prints the bytes of the number as they lie in memory.
std::string FormatCrc(std::uint32_t crc) {
  base::ByteWriter bytes;
  bytes.U32(crc);
  return base::ToHex(bytes.view());
}

std::string FormatFile(const ManifestFile& file) {
  const std::string checksum =
      file.crc32c ? fmt::format(", \"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"{}\"",
                                FormatCrc(*file.crc32c))
                  : "";
  return fmt::format("{{ {}, \"Size\": {}, \"Last-Modified\": \"{}\"{} }}", PathField(file.path),
                     file.size, FormatGmt(file.last_modified), checksum);
}

std::string FormatRange(const ManifestWalRange& range) {
  return fmt::format("{{ \"Timeline\": {}, \"Start-LSN\": \"{}\", \"End-LSN\": \"{}\" }}",
                     range.timeline.value(), FormatLsn(range.start), FormatLsn(range.end));
}

void CheckDigest(int result) {
  if (result != 1) throw base::Error(base::ErrorKind::kInternal, "SHA-256 failed in OpenSSL");
}

}  // namespace

class BackupManifestWriter::Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    CheckDigest(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
  }
  void Extend(std::string_view text) {
    CheckDigest(EVP_DigestUpdate(context_.get(), text.data(), text.size()));
  }
  std::string Finish() {
    std::array<std::uint8_t, 32> digest{};
    CheckDigest(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr));
    return base::ToHex(digest);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

BackupManifestWriter::BackupManifestWriter(MajorVersion version, SystemIdentifier system_identifier,
                                           Output output)
    : output_(std::move(output)), sha256_(std::make_unique<Sha256>()) {
  if (version.number() < kFirstMajorOfVersion2) {
    Write("{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [");
  } else {
    Write(
        fmt::format("{{ \"PostgreSQL-Backup-Manifest-Version\": 2,\n"
                    "\"System-Identifier\": {},\n\"Files\": [",
                    system_identifier.value()));
  }
}

BackupManifestWriter::~BackupManifestWriter() = default;

void BackupManifestWriter::Add(const ManifestFile& file) {
  if (finished_) throw base::Error(base::ErrorKind::kInternal, "the manifest is finished");
  Write(has_files_ ? ",\n" : "\n");
  Write(FormatFile(file));
  has_files_ = true;
}

void BackupManifestWriter::Finish(std::span<const ManifestWalRange> wal_ranges) {
  if (finished_) throw base::Error(base::ErrorKind::kInternal, "the manifest is finished");
  Write("\n],\n\"WAL-Ranges\": [\n");
  std::string_view separator;
  for (const ManifestWalRange& range : wal_ranges) {
    Write(separator);
    Write(FormatRange(range));
    separator = ",\n";
  }
  Write("\n],\n");
  // The sum covers all lines but this one.
  output_(fmt::format("\"Manifest-Checksum\": \"{}\"}}\n", sha256_->Finish()));
  finished_ = true;
}

void BackupManifestWriter::Write(std::string_view text) {
  sha256_->Extend(text);
  output_(text);
}

}  // namespace holdfast::pg
