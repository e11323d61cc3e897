// An encrypted 7z, made by the 7z program: one file in it, whose name is encrypted too.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/file.h"
#include "restore/child_program.h"

namespace holdfast::restore {

// Error(kNotFound) when the 7z program is not installed, kUsage for a passphrase that it does not
// take.
void CheckEncrypted7z(const std::string& passphrase);

// The program asks for the passphrase on its standard input, from which it then reads the content:
// it is in no argument, file or variable. One thread at a time.
class Encrypted7z {
 public:
  // `archive`: does not exist, in a folder of its own. `member`: what the file in it is called.
  Encrypted7z(base::Path archive, const std::string& member, const std::string& passphrase);

  void Write(base::ByteView bytes);
  // Then it is opened again with the passphrase, and must hold as much as was written.
  void Finish();

 private:
  const base::Path archive_;
  const std::string& passphrase_;
  ChildProgram program_;
  std::uint64_t written_ = 0;
};

}  // namespace holdfast::restore
