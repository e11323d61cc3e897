// Objects of a directory tree in the byte-wise order of their full names.
#pragma once

#include <functional>
#include <string_view>

#include "storage/directory_tree.h"
#include "storage/storage.h"

namespace holdfast::storage {

base::Time ModifiedTime(const struct stat& status);

// As Storage::List. Holds the entries of one folder per level in memory, those that can match only.
//
// Order: '/' sorts after '-' and '.', so the folder "a" comes after the objects "a-b" and "a.b":
// within a folder, entries are sorted with a '/' at the end of each folder's name.
void ListDirectory(const DirectoryTree& tree, std::string_view prefix, std::string_view after,
                   const std::function<void(const ObjectInfo&)>& visit);

// Unfinished puts have names that are no segments and start with this.
inline constexpr std::string_view kTemporaryPrefix = ".put-";

// Calls `visit(folder, segment)` for the temporary files in all folders.
void ListTemporaries(const DirectoryTree& tree,
                     const std::function<void(const base::File&, const std::string&)>& visit);

}  // namespace holdfast::storage
