// Hostile config objects, key objects, rings of keys and key files; the first byte chooses.
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "base/error.h"
#include "repo/checked_json.h"
#include "repo/config_object.h"
#include "repo/key_object.h"

namespace holdfast::repo {
namespace {

// With the checksum put right, so that what is behind it is reached as well.
base::Bytes WithChecksum(base::ByteView bytes) {
  nlohmann::json object = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (!object.is_object() || bytes.size() > 4096) return {bytes.begin(), bytes.end()};
  try {
    return RenderChecked(std::move(object));
  } catch (const nlohmann::json::exception&) {
    return {bytes.begin(), bytes.end()};
  }
}

void Read(char what, base::ByteView bytes) {
  if (what == 'j') static_cast<void>(ParseChecked(bytes));
  if (what == 'c') static_cast<void>(ParseConfig(WithChecksum(bytes)));
  if (what == 'k') static_cast<void>(ParseKeyObject("0123456789abcdef", WithChecksum(bytes)));
  if (what == 'r') static_cast<void>(Keyring::Parse("id", bytes));
  if (what == 'f') static_cast<void>(KeyFile::Parse(base::AsText(bytes)));
}

}  // namespace
}  // namespace holdfast::repo

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size == 0) return 0;
  try {
    repo::Read(static_cast<char>(data[0]), base::ByteView(data + 1, size - 1));
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt && error.kind() != base::ErrorKind::kUsage) {
      std::abort();
    }
  }
  return 0;
}
