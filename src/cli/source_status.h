// Gathers how a source stands: from its repository, its server, and its receiver on this host.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/protection.h"
#include "cli/session.h"
#include "cli/three_two_one.h"
#include "pg/lsn.h"

namespace holdfast::cli {

struct ShownWindow {
  pg::SystemIdentifier system;
  std::uint32_t segment_size = 0;
  RecoveryWindow window;
  std::optional<base::Time> to_time{};  // the last commit; empty where none was found near the end
  bool to_time_sealed = false;          // empty because the key in use opens no content
};

struct SourceStatus {
  std::string source;
  std::vector<Reason> reasons{};
  Protection protection = Protection::kUnknown;
  SourceFacts facts{};
  std::vector<ShownWindow> windows{};
  std::vector<HeldPlace> places{};  // of a configured source: what holds its data
  nlohmann::json receiver{};        // null: there never was one on this host
};

// What goes wrong is in the result: a repository that cannot be opened makes it kUnknown, a server
// that cannot be reached is a reason.
SourceStatus StatusOf(Session& session, const std::string& source);

}  // namespace holdfast::cli
