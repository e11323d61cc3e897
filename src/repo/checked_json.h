// JSON objects that show without any key when they were altered (docs/format/README.md).
//
// Each has exactly one text: members sorted, two spaces of indentation, a line feed at the end. Its
// member "checksum" is the SHA-256 of that text without the checksum, so that every altered bit is
// found, also one that JSON would not mind.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "storage/storage.h"

namespace holdfast::repo {

std::string CanonicalText(const nlohmann::json& object);

base::Bytes RenderChecked(nlohmann::json object);
// The object without its checksum. Error(kCorrupt).
nlohmann::json ParseChecked(base::ByteView bytes);

// The member as a number that fits. Error(kCorrupt) for anything else: the library's own conversion
// takes negative numbers and fractions for something.
std::uint64_t UnsignedMember(const nlohmann::json& object, const char* member);

// Reads such an object whole; empty when it does not exist. Error(kCorrupt) when it is far too long
// to be one.
std::optional<base::Bytes> GetSmallObject(storage::Storage& storage, std::string_view name);

[[noreturn]] void ThrowUnexpectedJson(const nlohmann::json::exception& error);

// Runs `read`, and turns JSON's own errors (a member that is missing or of another type) into
// Error(kCorrupt).
template <typename Read>
decltype(auto) ReadingJson(Read&& read) {
  try {
    return std::forward<Read>(read)();
  } catch (const nlohmann::json::exception& error) {
    ThrowUnexpectedJson(error);
  }
}

}  // namespace holdfast::repo
