#include "cli/source_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/open_repository.h"
#include "cli/source_access.h"
#include "restore/destination.h"

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

std::vector<restore::OtherPlace> OthersThan(Session& session, const std::string& source,
                                            const Place& place) {
  std::vector<restore::OtherPlace> others;
  for (const config::Repository* other : PlacesOf(session, source)) {
    if (other == place.repository) continue;
    others.push_back(
        {.name = other->name, .open = [&session, other] { return OpenPlace(session, *other); }});
  }
  return others;
}

int AtFirstGoodPlace(Session& session, const PlaceSearch& search,
                     const std::function<int(const Place&)>& work) {
  Place place;
  std::optional<Error> first;
  for (const config::Repository* repository : PlacesOf(session, search.source)) {
    place.repository = repository;
    place.is_copy = first.has_value();
    if (place.is_copy)
      session.reporter().Warn(
          fmt::format("{}; trying its copy in {}", place.passed_over.back(), repository->name));
    try {
      return work(place);
    } catch (const restore::DestinationError&) {
      throw;
    } catch (const Error& error) {
      if (!base::MayLieElsewhere(error) || !search.may_begin_again()) throw;
      place.passed_over.push_back(fmt::format("{} cannot be {} from repository {}: {}",
                                              search.source, search.done, repository->name,
                                              error.message()));
      if (first) {
        first->AddHint(place.passed_over.back());
      } else {
        first = error;
      }
    }
  }
  throw *first;
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
