#include "cli/source_places.h"

#include <algorithm>

#include "cli/open_repository.h"
#include "cli/source_access.h"

namespace holdfast::cli {

using base::Error;
using base::ErrorKind;

std::vector<const config::Repository*> PlacesOf(Session& session, std::string_view source) {
  std::vector<const config::Repository*> places = {&RepositoryForSource(session, source)};
  if (!session.options().repository.empty()) return places;
  for (const config::Source& configured : session.config().sources) {
    if (configured.name != source) continue;
    for (const config::Copy& copy : configured.copies) {
      const config::Repository& place = session.config().RepositoryNamed(copy.repository);
      if (std::ranges::find(places, &place) == places.end()) places.push_back(&place);
    }
  }
  return places;
}

repo::Repository OpenPlace(Session& session, const config::Repository& place) {
  try {
    return OpenRepository(session, place);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUsage) throw;
    throw Error(ErrorKind::kDenied, error.message(), error.hints());
  }
}

}  // namespace holdfast::cli
