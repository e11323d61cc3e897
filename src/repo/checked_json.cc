#include "repo/checked_json.h"

#include <fmt/format.h>

#include "base/error.h"
#include "codec/hash.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

constexpr const char* kChecksum = "checksum";
constexpr std::uint64_t kMaxSize = 64 * base::kKiB;
constexpr int kMaxDepth = 16;

std::string ChecksumOf(const json& object) {
  return base::ToHex(codec::Sha256(base::AsBytes(CanonicalText(object))));
}

[[noreturn]] void ThrowAltered() { throw Error(ErrorKind::kCorrupt, "it was altered or cut"); }

// Writing the text again recurses, so that deep nesting would exhaust the stack: what lies deeper
// is dropped, and missed when the texts are compared.
bool IsShallow(int depth, json::parse_event_t /*event*/, json& /*parsed*/) {
  return depth <= kMaxDepth;
}

}  // namespace

std::string CanonicalText(const json& object) { return object.dump(2) + "\n"; }

base::Bytes RenderChecked(json object) {
  const std::string checksum = ChecksumOf(object);
  object[kChecksum] = checksum;
  return base::ToBytes(CanonicalText(object));
}

json ParseChecked(base::ByteView bytes) {
  json object = json::parse(bytes.begin(), bytes.end(), IsShallow, /*allow_exceptions=*/false);
  if (!object.is_object() || !object.contains(kChecksum)) ThrowAltered();
  return ReadingJson([&] {
    if (CanonicalText(object) != base::AsText(bytes)) ThrowAltered();
    const auto checksum = object.at(kChecksum).get<std::string>();
    object.erase(kChecksum);
    if (ChecksumOf(object) != checksum) ThrowAltered();
    return object;
  });
}

std::uint64_t UnsignedMember(const json& object, const char* member) {
  const json& number = object.at(member);
  if (!number.is_number_unsigned()) {
    throw Error(ErrorKind::kCorrupt, fmt::format("its {} is not a whole number", member));
  }
  return number.get<std::uint64_t>();
}

std::optional<base::Bytes> GetSmallObject(storage::Storage& storage, std::string_view name) {
  std::optional<base::Bytes> bytes = storage.GetRange(name, 0, kMaxSize + 1);
  if (bytes && bytes->size() > kMaxSize) {
    throw Error(ErrorKind::kCorrupt, fmt::format("{}: it is much too long", name));
  }
  return bytes;
}

void ThrowUnexpectedJson(const json::exception& error) {
  throw Error(ErrorKind::kCorrupt, fmt::format("it is not of the expected form: {}", error.what()));
}

}  // namespace holdfast::repo
