#include "pg/grants.h"

#include <fmt/format.h>

#include "pg/cluster_reader.h"
#include "pg/quote.h"

namespace holdfast::pg {

std::vector<std::string_view> GrantedFunctions(int server_version) {
  std::vector<std::string_view> functions = {
      "pg_read_binary_file(text, bigint, bigint, boolean)",
      "pg_stat_file(text, boolean)",
      "pg_ls_dir(text, boolean, boolean)",
      "pg_switch_wal()",
      "pg_create_restore_point(text)",
  };
  if (server_version >= 150000) {
    functions.insert(functions.end(),
                     {"pg_backup_start(text, boolean)", "pg_backup_stop(boolean)"});
  } else {
    functions.insert(functions.end(), {"pg_start_backup(text, boolean, boolean)",
                                       "pg_stop_backup(boolean, boolean)"});
  }
  return functions;
}

std::string GrantStatements(std::string_view role, int server_version) {
  const std::string name = QuoteIdentifier(role);
  std::string statements = fmt::format(
      "ALTER ROLE {0} REPLICATION;\n"
      "GRANT pg_read_all_settings TO {0};\n"
      "GRANT pg_read_server_files TO {0};\n",
      name);
  for (const std::string_view function : GrantedFunctions(server_version)) {
    statements += fmt::format("GRANT EXECUTE ON FUNCTION pg_catalog.{} TO {};\n", function, name);
  }
  return statements;
}

}  // namespace holdfast::pg
