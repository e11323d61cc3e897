#include "base/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>

namespace holdfast::base {

namespace {

ErrorKind KindOf(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::kDenied;
    case EEXIST:
    case ENOTEMPTY:
      return ErrorKind::kConflict;
    default:
      return ErrorKind::kUnavailable;
  }
}

}  // namespace

std::string_view ErrorKindName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return "usage";
    case ErrorKind::kNotFound:
      return "not_found";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kDenied:
      return "denied";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

Error::Error(ErrorKind kind, std::string message, std::vector<std::string> hints)
    : kind_(kind), message_(std::move(message)), hints_(std::move(hints)) {}

void Error::AddContext(std::string_view context) {
  message_ = fmt::format("{}: {}", context, message_);
}

bool MayLieElsewhere(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kNotFound:
    case ErrorKind::kDenied:
    case ErrorKind::kUnavailable:
    case ErrorKind::kCorrupt:
      return true;
    default:
      return false;
  }
}

Error SystemError(int error_number, std::string_view what) {
  Error error(KindOf(error_number),
              fmt::format("{}: {}", what, std::generic_category().message(error_number)));
  if (error_number == ENOSPC || error_number == EDQUOT) {
    error.AddHint(
        "free some space there, then run the command again: nothing that was stored is lost");
  }
  if (error_number == EACCES || error_number == EPERM) {
    error.AddHint("look at its owner and mode, and at the user that holdfast runs as");
  }
  if (error_number == EROFS) error.AddHint("the file system is mounted read-only");
  return error;
}

Error ToError(const std::exception_ptr& pointer) {
  try {
    std::rethrow_exception(pointer);
  } catch (const Error& error) {
    return error;
  } catch (const std::filesystem::filesystem_error& error) {
    return SystemError(error.code().value(), error.path1().native());
  } catch (const std::system_error& error) {
    return SystemError(error.code().value(), "the operating system refused");
  } catch (const std::bad_alloc&) {
    return {ErrorKind::kUnavailable,
            "there is not enough memory",
            {"a smaller number of --jobs needs less"}};
  } catch (const std::exception& error) {
    return {ErrorKind::kInternal, error.what()};
  } catch (...) {
    return {ErrorKind::kInternal, "an exception of an unknown type"};
  }
}

}  // namespace holdfast::base
