// Taking apart what COPY ... TO STDOUT (FORMAT binary) sends.
//
// Source: PostgreSQL's documentation of COPY, section "Binary Format".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace holdfast::pg {

using CopyFields = std::span<const std::optional<base::ByteView>>;
// Views are valid during the call.
using CopyRowFunction = std::function<void(CopyFields)>;

// A push parser: input may be cut anywhere. Holds at most one row. Anything that is not as the
// format says throws Error(kCorrupt).
class BinaryCopyParser {
 public:
  explicit BinaryCopyParser(CopyRowFunction row) : row_(std::move(row)) {}

  void Feed(base::ByteView input);
  // Throws Error(kCorrupt) unless the trailer was the last thing fed.
  void Finish() const;

 private:
  enum class Expecting { kHeader, kRows, kEnd };

  // Each takes one whole element from the front of `input`, or says that there is not enough yet.
  bool TakeHeader(base::ByteView& input);
  bool TakeRow(base::ByteView& input);
  void TakeAll(base::ByteView& input);

  CopyRowFunction row_;
  Expecting expecting_ = Expecting::kHeader;
  std::optional<std::int16_t> field_count_;
  std::vector<std::optional<base::ByteView>> fields_;
  base::Bytes pending_;
};

}  // namespace holdfast::pg
