#include "restore/encrypted_7z.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace holdfast::restore {

namespace {

constexpr std::size_t kMaxPassphrase = 1000;

// It reads a line through a buffer of its own, and what follows past it: nothing may follow before
// it has read the line.
void Answer(ChildProgram& program, const std::string& passphrase) {
  program.Write(base::AsBytes(passphrase + "\n"));
  program.WaitUntilRead();
}

}  // namespace

void CheckEncrypted7z(const std::string& passphrase) {
  const bool strange =
      std::ranges::any_of(passphrase, [](char c) { return c == '\n' || c == '\r' || c == '\0'; });
  if (passphrase.empty() || passphrase.size() > kMaxPassphrase || strange) {
    throw base::Error(base::ErrorKind::kUsage,
                      "the passphrase of a 7z is one line of at most 1000 bytes");
  }
  try {
    (void)ChildProgram({"7z", "i"}).Finish();
  } catch (base::Error& error) {
    error.AddHint("encrypted 7z archives are made by the program 7z: apt install p7zip-full");
    throw;
  }
}

Encrypted7z::Encrypted7z(base::Path archive, const std::string& member,
                         const std::string& passphrase)
    : archive_(std::move(archive)),
      passphrase_(passphrase),
      program_({"7z", "a", "-t7z", "-mhe=on", "-p", "-bd", "-bso0", "-bsp0", "-si" + member, "--",
                archive_.native()}) {
  Answer(program_, passphrase_);
}

void Encrypted7z::Write(base::ByteView bytes) {
  program_.Write(bytes);
  written_ += bytes.size();
}

void Encrypted7z::Finish() {
  (void)program_.Finish();
  ChildProgram listing({"7z", "l", "-slt", "--", archive_.native()});  // it asks
  Answer(listing, passphrase_);
  const std::string said = listing.Finish();
  if (said.find(fmt::format("\nSize = {}\n", written_)) != std::string::npos &&
      said.find("\nEncrypted = +\n") != std::string::npos)
    return;
  throw base::Error(
      base::ErrorKind::kUnavailable,
      fmt::format("the program 7z made something else of {} bytes than was asked for", written_),
      {"export in another format, and encrypt that"});
}

}  // namespace holdfast::restore
