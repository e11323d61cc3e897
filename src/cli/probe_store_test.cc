#include "cli/probe_store.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::cli {
namespace {

using storage::StoreFinding;
using Grade = StoreFinding::Grade;

StoreFinding Finding(Grade grade) {
  return {.name = "listing", .grade = grade, .words = "words", .hint = "hint"};
}

TEST(ProbeStore, RefusesOnlyWhatWouldEndBadly) {
  EXPECT_EQ(ToCheckItem(Finding(Grade::kGood)).state, CheckState::kOk);
  EXPECT_EQ(ToCheckItem(Finding(Grade::kWorthKnowing)).state, CheckState::kOk);
  EXPECT_EQ(ToCheckItem(Finding(Grade::kAttention)).state, CheckState::kAttention);
  EXPECT_EQ(ToCheckItem(Finding(Grade::kUnfit)).state, CheckState::kRefused);
  config::Repository repository;
  repository.name = "main";
  EXPECT_NO_THROW(RefuseUnfit(repository, {Finding(Grade::kGood), Finding(Grade::kAttention)}));
  try {
    RefuseUnfit(repository, {Finding(Grade::kGood), Finding(Grade::kUnfit)});
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kConflict);
    EXPECT_EQ(error.message(), "repository main (): listing: words");
    EXPECT_EQ(error.hints().at(0), "hint");
  }
}

}  // namespace
}  // namespace holdfast::cli
