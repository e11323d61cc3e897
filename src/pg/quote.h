// Putting names and texts into SQL where parameters cannot go (COPY, GRANT).
#pragma once

#include <string>
#include <string_view>

namespace holdfast::pg {

// 'it''s'; right for sessions with standard_conforming_strings, as Connection sets it. Throws
// Error(kUsage) on a zero byte.
std::string QuoteLiteral(std::string_view text);
// "my role", always quoted. Throws Error(kUsage) on a zero byte or an empty name.
std::string QuoteIdentifier(std::string_view name);

}  // namespace holdfast::pg
