// The rights of a role that is no superuser.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::pg {

// The functions of pg_catalog that such a role must be granted, with the types of their arguments:
// "pg_stat_file(text, boolean)".
std::vector<std::string_view> GrantedFunctions(int server_version);

}  // namespace holdfast::pg
