// Parts of objects: how they are asked for, and what comes back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "http/message.h"

namespace holdfast::storage {

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  // Not empty, and within what stores compute with.
  bool CanBeAsked() const;
  // "bytes=0-99"; without an end where that would overflow.
  std::string ToHeader() const;
};

// The part of an object that an answer (200, 206 or 416) to a request for `range` holds, clipped at
// the object's end. Error(kUnavailable) when the answer is of another part, or shorter than it
// says.
base::Bytes CutRange(const ByteRange& range, http::Response response);

// The whole object's size by an answer (200, 206 or 416) to a request for a part of it; empty when
// it does not tell.
std::optional<std::uint64_t> WholeSize(const http::Response& response);

}  // namespace holdfast::storage
