#include "restore/config_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::restore {

namespace {

const std::string kPidFile = "external_pid_file";

bool LiesIn(const base::Path& outer, const base::Path& inner) {
  return std::ranges::mismatch(outer, inner).in1 == outer.end();
}

class Places {
 public:
  Places(const ConfigOfBackup& config, const base::Path& to) : config_(config), to_(to) {}

  ConfigPlaces Find(bool replaces_source) {
    CheckDataDirectory();
    CheckFile("hba_file");
    CheckFile("ident_file");
    if (!replaces_source) KeepProcessIdHere();
    return std::move(places_);
  }

 private:
  base::Path ValueOf(const std::string& name) const {
    const auto found = config_.settings.find(name);
    return found == config_.settings.end() ? base::Path()
                                           : base::Path(found->second).lexically_normal();
  }

  void CheckDataDirectory() {
    const base::Path named = (ValueOf("data_directory") / "").parent_path();
    if (named.empty() || named == to_) return;
    places_.other_data_directory = named.native();
    places_.changed.emplace("postgresql.conf");
    places_.warnings.push_back(fmt::format(
        "the source's postgresql.conf names the data directory {}: in the restored one a line is "
        "added that names {}",
        named.native(), to_.native()));
  }

  void CheckFile(const std::string& name) {
    const base::Path file = ValueOf(name);
    if (!file.is_absolute() || LiesIn(to_, file)) return;
    // It is meant to be there, and that it is not in the backup is warned of already.
    if (std::ranges::find(config_.outside_files, file.native()) != config_.outside_files.end())
      return;
    const std::string restored = file.filename().native();
    if (config_.has(restored)) {
      places_.overrides[name] = (to_ / restored).native();
    } else {
      places_.warnings.push_back(
          fmt::format("{} is {}, which is not in the backup", name, file.native()));
    }
  }

  // A configuration from outside may name a file for it as well, Debian's does.
  void KeepProcessIdHere() {
    if (ValueOf(kPidFile).empty() && config_.outside_files.empty()) return;
    places_.overrides[kPidFile] = "postmaster.external.pid";
  }

  const ConfigOfBackup& config_;
  const base::Path& to_;
  ConfigPlaces places_;
};

}  // namespace

ConfigPlaces PlacesIn(const ConfigOfBackup& config, const base::Path& to, bool replaces_source) {
  return Places(config, to).Find(replaces_source);
}

}  // namespace holdfast::restore
