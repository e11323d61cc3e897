// The one error type of holdfast.
//
// Failures are exceptions of this type; what a caller is expected to branch on is a return value
// instead (storage::PutOutcome, std::optional, ...). Callers branch on kind(), never on text. It is
// caught at four kinds of place only: a worker's edge, the retry loop, the HTTP handler, and main.
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::base {

enum class ErrorKind {
  kUsage,        // the caller's words or the configuration are wrong
  kNotFound,     // what was named does not exist, and we are sure of it
  kConflict,     // doing it would destroy something, or another holds it
  kDenied,       // permission or credentials; trying again does not help
  kUnavailable,  // a server, network or disk did not answer or has no room; trying again may help
  kCorrupt,      // data is not what was written
  kCancelled,    // the user or a stop request ended it
  kInternal,     // our own mistake
};

// "not found", "corrupt", ...: for logs and JSON.
std::string_view ErrorKindName(ErrorKind kind);

class Error : public std::exception {
 public:
  // `message` is one lower-case sentence without a full stop that names the thing; each hint says
  // what to do.
  Error(ErrorKind kind, std::string message, std::vector<std::string> hints = {});

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::vector<std::string>& hints() const { return hints_; }
  const char* what() const noexcept override { return message_.c_str(); }

  // Puts "context: " before the message.
  void AddContext(std::string_view context);
  void AddHint(std::string hint) { hints_.push_back(std::move(hint)); }

 private:
  ErrorKind kind_;
  std::string message_;
  std::vector<std::string> hints_;
};

// May another place that should hold the same thing have it, after this failure of the first? Not
// when we were told to stop, or did something wrong ourselves.
bool MayLieElsewhere(const Error& error);

// An Error for a failed system call: kind from errno (ENOENT not found, EACCES/EPERM/EROFS denied,
// EEXIST conflict, the rest unavailable, ENOSPC and EDQUOT with a hint), message "what: strerror".
Error SystemError(int error_number, std::string_view what);

// Runs `work`; an Error leaving it gets `context()` put before its message.
template <std::invocable Context, std::invocable Work>
decltype(auto) WithContext(Context&& context, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (Error& error) {
    error.AddContext(std::forward<Context>(context)());
    throw;
  }
}

// The Error inside an exception_ptr; anything else becomes kInternal with its what().
Error ToError(const std::exception_ptr& pointer);

}  // namespace holdfast::base
