// A file that gets its name when it is whole, and never another's.
#pragma once

#include <string>

#include "base/file.h"

namespace holdfast::restore {

// Error(kConflict) when something of that name is there or it lies inside a cluster, kNotFound when
// its folder is not there.
void CheckFreeName(const base::Path& path);

// One thread at a time.
class UnfinishedFile {
 public:
  // Creates a file of another name in the same folder: `.NAME.….tmp`. Mode 0600.
  explicit UnfinishedFile(base::Path path);
  // The same for a file that another program makes, at place(): in a folder of that name.
  static UnfinishedFile ForAnother(base::Path path);
  ~UnfinishedFile();  // removes what was not published
  UnfinishedFile(const UnfinishedFile&) = delete;
  UnfinishedFile& operator=(const UnfinishedFile&) = delete;

  base::File& file() { return file_; }
  base::Path place() const { return path_.parent_path() / temporary_; }
  // Durably. Error(kConflict) when something took the name meanwhile.
  void Publish();

 private:
  UnfinishedFile(base::Path path, std::string temporary);

  const base::Path path_;
  const std::string temporary_;  // relative to the folder of `path_`
  base::File file_;
  bool published_ = false;
};

}  // namespace holdfast::restore
