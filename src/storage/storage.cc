#include "storage/storage.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::storage {

namespace {

bool IsSegmentCharacter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' || letter == '-';
}

}  // namespace

bool IsSegment(std::string_view text) {
  return !text.empty() && text.size() <= kMaxSegmentBytes && text.front() != '.' &&
         std::ranges::all_of(text, IsSegmentCharacter);
}

bool IsName(std::string_view text) {
  if (text.size() > kMaxNameBytes) return false;
  while (true) {
    const auto slash = text.find('/');
    if (!IsSegment(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

void CheckName(std::string_view name) {
  if (IsName(name)) return;
  throw base::Error(base::ErrorKind::kInternal,
                    fmt::format("\"{}\" cannot be the name of an object", name));
}

std::vector<ObjectInfo> ListAll(Storage& storage, std::string_view prefix) {
  std::vector<ObjectInfo> objects;
  storage.List(prefix, {}, [&](const ObjectInfo& object) { objects.push_back(object); });
  return objects;
}

base::Bytes GetExisting(Storage& storage, std::string_view name) {
  std::optional<base::Bytes> contents = storage.Get(name);
  if (!contents) {
    throw base::Error(base::ErrorKind::kNotFound,
                      fmt::format("{} has no object {}", storage.traits().description, name));
  }
  return std::move(*contents);
}

}  // namespace holdfast::storage
