// The repositories that hold a source: its own, then those of its copies, for what may go on with
// another where one is down or damaged.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/session.h"
#include "config/config.h"
#include "repo/repository.h"
#include "restore/restore.h"

namespace holdfast::cli {

// Where something is read from, and what was wrong with the repositories that come before it.
struct Place {
  const config::Repository* repository = nullptr;
  bool is_copy = false;
  std::vector<std::string> passed_over{};  // these were said when they were found
  std::vector<const config::Repository*> tried{};
};

// This place would do, and these others better: they are tried first, in this order, then it again.
class BetterElsewhere : public base::Error {
 public:
  BetterElsewhere(std::string message, std::vector<const config::Repository*> places)
      : Error(base::ErrorKind::kNotFound, std::move(message)), places_(std::move(places)) {}
  const std::vector<const config::Repository*>& places() const { return places_; }

 private:
  std::vector<const config::Repository*> places_;
};

struct PlaceSearch {
  std::string source;
  std::string done;  // "restored", for messages
  // Asked before a copy is tried: false when what was begun cannot be begun again.
  std::function<bool()> may_begin_again = [] { return true; };
};

// Runs `work` on the source's repository; what that cannot give, for it is down or damaged, its
// copies may have. `work` may throw BetterElsewhere, of places that were not tried. Throws what was
// wrong with the first, with hints about the others.
int AtFirstGoodPlace(Session& session, const PlaceSearch& search,
                     const std::function<int(const Place&)>& work);

// Where else pieces of its backups may lie.
std::vector<restore::OtherPlace> OthersThan(Session& session, const std::string& source,
                                            const Place& place);

// In the order in which they are to be tried. Only the one that --repository names, if it does.
std::vector<const config::Repository*> PlacesOf(Session& session, std::string_view source);

// As OpenRepository; what keeps this repository closed, a lost key too, says nothing about another:
// then base::MayLieElsewhere.
repo::Repository OpenPlace(Session& session, const config::Repository& place);

}  // namespace holdfast::cli
