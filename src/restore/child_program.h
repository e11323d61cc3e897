// Another program that is fed through its standard input.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"

namespace holdfast::restore {

// One thread at a time, and the one that starts it outlives it: it is killed when that thread ends,
// as when we are killed. It has a session of its own: no terminal that it could ask, and no signal
// from one.
class ChildProgram {
 public:
  // Found in PATH; words.front() is its name. Error(kNotFound) when it is not there.
  explicit ChildProgram(std::vector<std::string> words);
  ~ChildProgram();  // kills it when it still runs
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  // Error(kUnavailable) with what it said last when it has ended.
  void Write(base::ByteView bytes);
  // Returns once it has read everything that was written.
  void WaitUntilRead();
  // Ends its input and waits for its end; as Write when that is not a success. What it printed.
  std::string Finish();

 private:
  [[noreturn]] void ReportEnd();
  // True once it has ended.
  bool Reap(bool wait);

  const std::string name_;
  base::File input_;
  base::File output_;
  base::File errors_;
  pid_t child_ = -1;
  std::optional<int> status_;
};

}  // namespace holdfast::restore
