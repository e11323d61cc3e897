// JSON objects as repository records: missing fields, wrong types and odd numbers are
// Error(kCorrupt).
#pragma once

#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace holdfast::repo {

// What is not UTF-8 is replaced: a strange file name in a warning must not stop a backup.
std::string DumpJson(const nlohmann::json& json);
// An object, or Error(kCorrupt) with `what` before the message.
nlohmann::json ParseJsonObject(std::string_view text, std::string_view what);

// Numbers over 2^53 lose precision in many programs: they are stored as decimal strings.
std::string ToJson(std::uint64_t number);
std::uint64_t ToNumber(const nlohmann::json& json);
std::string ToJson(base::Time time);
base::Time ToTime(const nlohmann::json& json);

// Runs `read`; what the JSON library or a parser complains about becomes Error(kCorrupt), with
// `what` before it.
template <std::invocable Read>
auto ReadJson(std::string_view what, Read&& read) {
  try {
    return read();
  } catch (const nlohmann::json::exception& error) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      std::string(what) + " is malformed: " + error.what());
  } catch (const base::Error& error) {
    throw base::Error(base::ErrorKind::kCorrupt,
                      std::string(what) + " is malformed: " + error.message());
  }
}

}  // namespace holdfast::repo
