#include "cli/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/parser.h"
#include "cli/requests_made.h"
#include "cli/session.h"
#include "cli/table.h"

namespace holdfast::cli {
namespace {

bool WantsJson(const std::vector<std::string>& arguments) {
  return std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
}

void PrintError(const Invocation& invocation, const base::Error& error) {
  if (WantsJson(invocation.arguments)) {
    const nlohmann::json object = {{"error",
                                    {{"kind", base::ErrorKindName(error.kind())},
                                     {"message", error.message()},
                                     {"hints", error.hints()}}}};
    *invocation.err << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                    << std::endl;
    return;
  }
  *invocation.err << "error: " << Printable(error.message()) << '\n';
  for (const std::string& hint : error.hints())
    *invocation.err << "hint: " << Printable(hint) << '\n';
  invocation.err->flush();
}

void TellRequests(Session& session) {
  if (!session.options().verbose) return;
  for (const auto& [repository, counts] : session.requests_made())
    session.reporter().Note(fmt::format("requests made to repository {}: {}", repository,
                                        RequestsText(RequestFactsOf(counts))));
}

// What was asked of a store is paid for also where the work failed.
int Act(const Action& action, Session& session) {
  try {
    const int code = action(session);
    TellRequests(session);
    return code;
  } catch (...) {
    TellRequests(session);
    throw;
  }
}

int Do(const Invocation& invocation) {
  const Parsed parsed = ParseArguments(Commands(), invocation.arguments);
  int code = ToInt(ExitCode::kDone);
  if (parsed.text) {
    *invocation.out << *parsed.text;
  } else {
    Session session(invocation, parsed.options);
    code = Act(parsed.action, session);
  }
  invocation.out->flush();
  if (!*invocation.out)
    throw base::Error(base::ErrorKind::kUnavailable, "standard output could not be written");
  return code;
}

}  // namespace

int Run(const Invocation& invocation) {
  base::Error error(base::ErrorKind::kInternal, "");
  try {
    return Do(invocation);
  } catch (...) {
    error = base::ToError(std::current_exception());
  }
  if (error.kind() == base::ErrorKind::kCorrupt && error.hints().empty()) {
    error.AddHint(
        "`holdfast verify` names all that is damaged, `holdfast repair` brings back what copies "
        "have");
  }
  PrintError(invocation, error);
  return FailureCode(invocation.arguments, ExitCodeOf(error.kind()));
}

}  // namespace holdfast::cli
