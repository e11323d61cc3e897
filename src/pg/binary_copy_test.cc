#include "pg/binary_copy.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "pg/testing/expect_error.h"

namespace holdfast::pg {
namespace {

using base::ErrorKind;

constexpr std::string_view kHeader =
    "5047434f50590aff0d0a00"
    "00000000"
    "00000000";
// ("ab", null), ("", "c")
constexpr std::string_view kRows =
    "0002"
    "000000026162"
    "ffffffff"
    "0002"
    "00000000"
    "0000000163";
constexpr std::string_view kTrailer = "ffff";

std::string Parse(const std::string& hex, std::size_t cut) {
  std::string rows;
  BinaryCopyParser parser([&](CopyFields fields) {
    for (const auto& field : fields) rows += field ? std::string(base::AsText(*field)) + "," : "-,";
    rows += ";";
  });
  const base::Bytes bytes = base::FromHex(hex);
  base::ByteView rest = bytes;
  while (!rest.empty()) {
    const std::size_t size = std::min(cut, rest.size());
    parser.Feed(rest.first(size));
    rest = rest.subspan(size);
  }
  parser.Finish();
  return rows;
}

TEST(BinaryCopyParser, GivesTheSameRowsHoweverItsInputIsCut) {
  const std::string whole = std::string(kHeader) + std::string(kRows) + std::string(kTrailer);
  for (std::size_t cut = 1; cut <= whole.size() / 2; ++cut)
    EXPECT_EQ(Parse(whole, cut), "ab,-,;,c,;");
}

TEST(BinaryCopyParser, SkipsAHeaderExtension) {
  EXPECT_EQ(Parse("5047434f50590aff0d0a00"
                  "00000000"
                  "00000002"
                  "abcd"
                  "ffff",
                  3),
            "");
}

TEST(BinaryCopyParser, RefusesEverythingElse) {
  const std::string header(kHeader);
  const std::string rows(kRows);
  for (const std::string& bad : {
           std::string("5047434f50590aff0d0a01"
                       "00000000"
                       "00000000"
                       "ffff"),  // signature
           std::string("5047434f50590aff0d0a00"
                       "00010000"
                       "00000000"
                       "ffff"),  // flag
           std::string("5047434f50590aff0d0a00"
                       "00000000"
                       "7fffffff"
                       "ffff"),  // extension
           header + "fffe",      // field count
           header + "0001"
                    "fffffffe"
                    "ffff",  // field length
           header + "0001"
                    "7fffffff"
                    "ffff",  // field length
           header + rows +
               "0001"
               "00000000"
               "ffff",     // other field count
           header + rows,  // no trailer
           header + rows +
               "ffff"
               "00",  // more after it
           header + "0002"
                    "00000002",  // cut
           std::string(),
       }) {
    for (const std::size_t cut : {std::size_t{1}, std::size_t{1000}}) {
      ExpectError(ErrorKind::kCorrupt, "binary COPY", [&] { Parse(bad, cut); });
    }
  }
}

}  // namespace
}  // namespace holdfast::pg
