// Making sense of libpq's text about a connection that did not come about.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::pg {

struct ConnectFailure {
  std::string target;             // "db:5432 as holdfast"
  std::string libpq_message;      // PQerrorMessage() at PQERRORS_VERBOSE
  bool password_missing = false;  // PQconnectionNeedsPassword()
  bool replication = false;
};

// libpq gives no SQLSTATE for a failed connection but in its verbose text, which has it in every
// language: "...:  28P01: ...". Empty when no server answered.
std::string SqlstateOf(std::string_view libpq_message);

// Throws SqlError when a server refused, Error(kUnavailable) when none was reached.
[[noreturn]] void ThrowConnectFailure(const ConnectFailure& failure);

}  // namespace holdfast::pg
