#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <system_error>

namespace holdfast::base {
namespace {

TEST(Error, TakesItsKindFromErrno) {
  EXPECT_EQ(SystemError(ENOENT, "x").kind(), ErrorKind::kNotFound);
  EXPECT_EQ(SystemError(EACCES, "x").kind(), ErrorKind::kDenied);
  EXPECT_EQ(SystemError(EPERM, "x").kind(), ErrorKind::kDenied);
  EXPECT_EQ(SystemError(EROFS, "x").kind(), ErrorKind::kDenied);
  EXPECT_EQ(SystemError(EEXIST, "x").kind(), ErrorKind::kConflict);
  EXPECT_EQ(SystemError(EIO, "x").kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(SystemError(ESTALE, "x").kind(), ErrorKind::kUnavailable);
}

TEST(Error, SaysWhatFailedAndWhy) {
  const Error error = SystemError(EIO, "cannot read /a/b");
  EXPECT_EQ(error.message(), "cannot read /a/b: Input/output error");
  EXPECT_STREQ(error.what(), error.message().c_str());
}

TEST(Error, HintsAtRoomWhenADiskIsFull) {
  for (const int number : {ENOSPC, EDQUOT}) {
    const Error error = SystemError(number, "cannot write");
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
    ASSERT_EQ(error.hints().size(), 1U);
    EXPECT_NE(error.hints().front().find("space"), std::string::npos);
  }
  EXPECT_TRUE(SystemError(EIO, "cannot write").hints().empty());
  for (const int mendable : {EACCES, EPERM, EROFS})
    EXPECT_FALSE(SystemError(mendable, "cannot write").hints().empty());
}

TEST(ToError, SaysOfTheLibrarysExceptionsWhatTheyMean) {
  const auto from = [](const auto& exception) {
    return ToError(std::make_exception_ptr(exception));
  };
  const auto code = [](int number) { return std::error_code(number, std::generic_category()); };
  const Error denied = from(std::filesystem::filesystem_error("x", "/a/b", code(EACCES)));
  EXPECT_EQ(denied.kind(), ErrorKind::kDenied);
  EXPECT_EQ(denied.message(), "/a/b: Permission denied");
  EXPECT_EQ(from(std::system_error(code(EAGAIN))).kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(from(std::bad_alloc()).kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(from(std::logic_error("x")).kind(), ErrorKind::kInternal);
}

TEST(WithContext, PutsTheOuterThingFirst) {
  try {
    WithContext([] { return "outer"; },
                [] {
                  WithContext([] { return "inner"; },
                              [] { throw Error(ErrorKind::kCorrupt, "wrong", {"look"}); });
                });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "outer: inner: wrong");
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
    EXPECT_EQ(error.hints(), std::vector<std::string>{"look"});
  }
}

TEST(WithContext, ReturnsWhatTheWorkReturnsWithoutAskingForContext) {
  bool asked = false;
  const auto context = [&] {
    asked = true;
    return "context";
  };
  int value = 1;
  static_assert(
      std::is_same_v<decltype(WithContext(context, [&]() -> int& { return value; })), int&>);
  EXPECT_EQ(&WithContext(context, [&]() -> int& { return value; }), &value);
  EXPECT_FALSE(asked);
}

TEST(ToError, KeepsAnErrorAndWrapsTheRest) {
  const Error kept = ToError(std::make_exception_ptr(Error(ErrorKind::kDenied, "no", {"ask"})));
  EXPECT_EQ(kept.kind(), ErrorKind::kDenied);
  EXPECT_EQ(kept.message(), "no");
  EXPECT_EQ(kept.hints(), std::vector<std::string>{"ask"});

  const Error wrapped = ToError(std::make_exception_ptr(std::runtime_error("odd")));
  EXPECT_EQ(wrapped.kind(), ErrorKind::kInternal);
  EXPECT_EQ(wrapped.message(), "odd");

  EXPECT_EQ(ToError(std::make_exception_ptr(7)).kind(), ErrorKind::kInternal);
}

TEST(ErrorKindName, IsDifferentForEachKind) {
  std::vector<std::string_view> names;
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::kInternal); ++kind) {
    const std::string_view name = ErrorKindName(static_cast<ErrorKind>(kind));
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 0) << name;
    names.push_back(name);
  }
}

}  // namespace
}  // namespace holdfast::base
