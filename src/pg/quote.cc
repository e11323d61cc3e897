#include "pg/quote.h"

#include "base/error.h"

namespace holdfast::pg {

namespace {

std::string Enclose(std::string_view text, char quote) {
  if (text.find('\0') != std::string_view::npos) {
    throw base::Error(base::ErrorKind::kUsage, "a name or text for SQL contains a zero byte");
  }
  std::string result(1, quote);
  for (const char c : text) {
    if (c == quote) result += quote;
    result += c;
  }
  result += quote;
  return result;
}

}  // namespace

std::string QuoteLiteral(std::string_view text) { return Enclose(text, '\''); }

std::string QuoteIdentifier(std::string_view name) {
  if (name.empty()) throw base::Error(base::ErrorKind::kUsage, "a name for SQL is empty");
  return Enclose(name, '"');
}

}  // namespace holdfast::pg
