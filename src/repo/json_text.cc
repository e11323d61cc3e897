#include "repo/json_text.h"

#include <charconv>

#include "base/time_text.h"

namespace holdfast::repo {

std::string DumpJson(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json ParseJsonObject(std::string_view text, std::string_view what) {
  return ReadJson(what, [&] {
    nlohmann::json json = nlohmann::json::parse(text);
    if (!json.is_object()) throw base::Error(base::ErrorKind::kCorrupt, "it is no JSON object");
    return json;
  });
}

std::string ToJson(std::uint64_t number) { return std::to_string(number); }

std::uint64_t ToNumber(const nlohmann::json& json) {
  const auto& text = json.get_ref<const std::string&>();
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || (text.size() > 1 && text[0] == '0')) {
    throw base::Error(base::ErrorKind::kCorrupt, "\"" + text + "\" is no number");
  }
  return number;
}

std::string ToJson(base::Time time) { return base::FormatRfc3339(time); }

base::Time ToTime(const nlohmann::json& json) {
  return base::ParseTime(json.get_ref<const std::string&>(), "UTC");
}

}  // namespace holdfast::repo
