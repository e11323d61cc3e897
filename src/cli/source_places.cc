#include "cli/source_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
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

namespace {

// A wrong key or setting of one place: base::MayLieElsewhere, and a usage error when it does not.
class ClosedPlace : public Error {
 public:
  explicit ClosedPlace(const Error& why) : Error(ErrorKind::kDenied, why.message(), why.hints()) {}
  Error AsUsage() const { return {ErrorKind::kUsage, message(), hints()}; }
};

// `first` in front of the others, then `again`, then what is left.
void PutInFront(const std::vector<const config::Repository*>& first,
                const config::Repository* again, std::deque<const config::Repository*>& places) {
  std::erase_if(places, [&](const config::Repository* place) {
    return std::ranges::find(first, place) != first.end();
  });
  places.push_front(again);
  places.insert(places.begin(), first.begin(), first.end());
}

std::string NextPlaceText(const config::Repository& own, const config::Repository& next) {
  return &own == &next ? fmt::format("going on with repository {}", next.name)
                       : fmt::format("trying its copy in {}", next.name);
}

}  // namespace

int AtFirstGoodPlace(Session& session, const PlaceSearch& search,
                     const std::function<int(const Place&)>& work) {
  const std::vector<const config::Repository*> all = PlacesOf(session, search.source);
  std::deque<const config::Repository*> to_try(all.begin(), all.end());
  Place place;
  std::optional<Error> first;
  const auto pass_over = [&](const Error& error) {
    place.passed_over.push_back(fmt::format("{} cannot be {} from repository {}: {}", search.source,
                                            search.done, place.repository->name, error.message()));
    if (first) {
      first->AddHint(place.passed_over.back());
    } else {
      first = error;
    }
  };
  while (!to_try.empty()) {
    place.repository = to_try.front();
    to_try.pop_front();
    place.is_copy = place.repository != all.front();
    if (first) {
      session.reporter().Warn(fmt::format("{}; {}", place.passed_over.back(),
                                          NextPlaceText(*all.front(), *place.repository)));
    }
    place.tried.push_back(place.repository);
    try {
      return work(place);
    } catch (const restore::DestinationError&) {
      throw;
    } catch (const BetterElsewhere& better) {
      pass_over(better);
      PutInFront(better.places(), place.repository, to_try);
    } catch (const ClosedPlace& closed) {
      pass_over(closed.AsUsage());
    } catch (const Error& error) {
      if (!base::MayLieElsewhere(error) || !search.may_begin_again()) throw;
      pass_over(error);
    }
  }
  throw *first;
}

repo::Repository OpenPlace(Session& session, const config::Repository& place) {
  try {
    return OpenRepository(session, place);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUsage) throw;
    throw ClosedPlace(error);
  }
}

}  // namespace holdfast::cli
