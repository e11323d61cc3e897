#include "pg/conninfo.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <memory>

#include "base/error.h"

namespace holdfast::pg {

namespace {

using Keywords = std::map<std::string, std::string>;

[[noreturn]] void Refuse(std::string_view what, std::string hint) {
  throw base::Error(base::ErrorKind::kUsage, fmt::format("the conninfo {}", what),
                    {std::move(hint)});
}

// libpq's own message is not passed on: it quotes the text, and a badly quoted password with it.
Keywords Parse(const std::string& conninfo) {
  char* message = nullptr;
  PQconninfoOption* const parsed = PQconninfoParse(conninfo.c_str(), &message);
  PQfreemem(message);
  if (parsed == nullptr) {
    Refuse("cannot be read",
           "it looks like host=db user=holdfast dbname=postgres, values with spaces in single "
           "quotes; or like postgresql://holdfast@db/postgres");
  }
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> owner(parsed, &PQconninfoFree);
  Keywords result;
  for (const PQconninfoOption* option = parsed; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) result.emplace(option->keyword, option->val);
  }
  return result;
}

// In a URI, an unescaped '@' in the password makes its end part of the host, which messages show.
void RefusePasswordInHost(const Keywords& keywords) {
  const auto host = keywords.find("host");
  if (host == keywords.end() || host->second.starts_with('/') || host->second.starts_with('@')) {
    return;
  }
  if (host->second.find('@') != std::string::npos) {
    Refuse("has an @ in its host", "write special characters of a password as %40 in a URI");
  }
}

std::string Count(std::chrono::seconds value) {
  return fmt::format("{}", std::max<std::int64_t>(1, value.count()));
}

// A peer that is gone is noticed within about answer_timeout even while nothing is sent.
void SetKeepalives(Keywords& keywords, std::chrono::seconds answer_timeout) {
  keywords.emplace("keepalives", "1");
  keywords.emplace("keepalives_idle", Count(answer_timeout / 2));
  keywords.emplace("keepalives_interval", Count(answer_timeout / 6));
  keywords.emplace("keepalives_count", "3");
}

}  // namespace

std::map<std::string, std::string> ConnectKeywords(const ConnectOptions& options) {
  Keywords keywords = Parse(options.conninfo);
  RefusePasswordInHost(keywords);
  if (options.database) keywords["dbname"] = *options.database;
  keywords["client_encoding"] = "UTF8";
  if (options.replication) {
    keywords["replication"] = "true";
  } else {
    keywords.erase("replication");
  }
  keywords.emplace("application_name", options.application_name);
  SetKeepalives(keywords, options.answer_timeout);
  // While connecting, so that of several hosts one that does not answer is given up in time;
  // Connection sets what holds afterwards.
  keywords.emplace("tcp_user_timeout",
                   fmt::format("{}", std::chrono::milliseconds(options.connect_timeout).count()));
  return keywords;
}

}  // namespace holdfast::pg
