#include "config/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "config/name.h"
#include "config/schema.h"

namespace holdfast::config {
namespace {

constexpr std::string_view kPrefix = "HOLDFAST_";

std::string Capitals(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c == '.' || c == '-' ? '_'
                                : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return out;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return out;
}

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

// One way to understand a variable.
struct Reading {
  Key key;
  const KeySpec* spec = nullptr;
  bool from_file = false;
  std::size_t known_names = 0;  // names in it that the settings hold already
  std::size_t literal_size = 0;

  auto Rank() const { return std::tuple(known_names, !from_file, literal_size); }
};

class Matcher {
 public:
  explicit Matcher(const Settings& settings) : settings_(settings) {}

  // `rest`: the variable without its prefix.
  std::optional<Reading> Best(std::string_view rest) {
    readings_.clear();
    for (const KeySpec& spec : Schema()) {
      spec_ = &spec;
      parts_ = Parts(spec);
      from_file_ = false;
      Match(0, rest, {}, 0, 0);
      if (spec.secrecy == Secrecy::kOpen || !rest.ends_with("_FILE")) continue;
      from_file_ = true;
      Match(0, rest.substr(0, rest.size() - 5), {}, 0, 0);
    }
    const auto best =
        std::max_element(readings_.begin(), readings_.end(),
                         [](const Reading& a, const Reading& b) { return a.Rank() < b.Rank(); });
    return best == readings_.end() ? std::nullopt : std::optional(*best);
  }

 private:
  void Match(std::size_t part, std::string_view rest, Key key, std::size_t known,
             std::size_t literal) {
    if (part == parts_.size()) {
      if (rest.empty()) readings_.push_back({std::move(key), spec_, from_file_, known, literal});
      return;
    }
    if (parts_[part] == "*" || parts_[part] == "#") {
      MatchName(part, rest, key, known, literal);
      if (part == 1) MatchRest(part + 1, rest, Extended(key, "main"), known, literal);
      return;
    }
    const std::string word = Capitals(parts_[part]);
    if (rest.starts_with(word)) {
      MatchAfter(part + 1, rest.substr(word.size()), Extended(key, parts_[part]), known,
                 literal + word.size());
    }
  }

  void MatchRest(std::size_t part, std::string_view rest, Key key, std::size_t known,
                 std::size_t literal) {
    Match(part, rest, std::move(key), known, literal);
  }

  // What was matched must end at an underscore or at the end.
  void MatchAfter(std::size_t part, std::string_view rest, Key key, std::size_t known,
                  std::size_t literal) {
    if (rest.empty()) return Match(part, rest, std::move(key), known, literal);
    if (rest.front() == '_') Match(part, rest.substr(1), std::move(key), known, literal);
  }

  void MatchName(std::size_t part, std::string_view rest, const Key& key, std::size_t known,
                 std::size_t literal) {
    for (std::size_t end = rest.find('_'); end != std::string_view::npos;
         end = rest.find('_', end + 1)) {
      const std::string_view word = rest.substr(0, end);
      if (parts_[part] == "#" && word.find_first_not_of("0123456789") != std::string_view::npos)
        continue;
      const std::optional<std::string> name = KnownName(key, word);
      const std::string chosen = name ? *name : Lower(word);
      if (IsName(chosen))
        MatchAfter(part + 1, rest.substr(end), Extended(key, chosen), known + (name ? 1 : 0),
                   literal);
    }
  }

  std::optional<std::string> KnownName(const Key& prefix, std::string_view word) const {
    for (const std::string& name : settings_.Names(prefix)) {
      if (Capitals(name) == word) return name;
    }
    return std::nullopt;
  }

  static Key Extended(Key key, std::string_view part) {
    key.emplace_back(part);
    return key;
  }

  const Settings& settings_;
  const KeySpec* spec_ = nullptr;
  std::vector<std::string_view> parts_;
  bool from_file_ = false;
  std::vector<Reading> readings_;
};

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> values;
  for (std::size_t comma = 0; comma != std::string_view::npos;) {
    comma = text.find(',');
    std::string value = Trimmed(text.substr(0, comma));
    if (!value.empty()) values.push_back(std::move(value));
    if (comma != std::string_view::npos) text.remove_prefix(comma + 1);
  }
  return values;
}

// The tables on the way to a key become known by it: HOLDFAST_SOURCE_SHOP_TYPE makes a source.
void AddTables(const Key& key, Settings& settings) {
  for (std::size_t size = 2; size < key.size(); ++size) {
    const Key parent(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(size) - 1);
    const Children children = ChildrenOf(parent);
    if (children.name || children.array)
      settings.AddTable(Key(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

// Every name that the variable could have been meant as, for a suggestion.
std::vector<std::string> Candidates(std::string_view rest) {
  std::vector<std::string> names;
  const std::size_t first = rest.find('_');
  const std::string_view section = rest.substr(0, first);
  for (const KeySpec& spec : Schema()) {
    const auto parts = Parts(spec);
    if (Capitals(parts.front()) != section) continue;
    if (parts.size() == 2) names.push_back(fmt::format("{}_{}", section, Capitals(parts[1])));
    if (parts.size() != 3) continue;
    names.push_back(fmt::format("{}_{}", section, Capitals(parts[2])));
    for (std::size_t end = rest.find('_', first + 1); end != std::string_view::npos;
         end = rest.find('_', end + 1)) {
      names.push_back(fmt::format("{}_{}", rest.substr(0, end), Capitals(parts[2])));
    }
  }
  return names;
}

bool MustBeKnown(std::string_view rest) {
  return rest.starts_with("REPOSITORY_") || rest.starts_with("SOURCE_") ||
         rest.starts_with("NOTIFY_");
}

Problem Unknown(const std::string& variable, std::string_view rest) {
  const auto near = Nearest(rest, Candidates(rest));
  Problem problem{
      {Origin::Kind::kEnvironment, variable}, "this variable stands for no setting", {}};
  if (near) problem.hints.push_back(fmt::format("did you mean {}{}?", kPrefix, *near));
  return problem;
}

Setting Read(const Reading& reading, const std::string& variable, const std::string& value,
             const base::Path& working_directory) {
  Setting setting{{}, {Origin::Kind::kEnvironment, variable}};
  const std::string text = reading.from_file ? ReadSecretFile(value) : value;
  if (reading.spec->type == ValueType::kTextList) {
    setting.values = SplitList(text);
  } else if (reading.spec->type == ValueType::kPath) {
    setting.values = {(working_directory / text).lexically_normal().string()};
  } else {
    setting.values = {text};
  }
  return setting;
}

}  // namespace

Environment ProcessEnvironment() {
  Environment variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::string ReadSecretFile(const base::Path& path) {
  return Trimmed(base::AsText(base::ReadFile(path)));
}

void ReadEnvironment(const Environment& environment, const base::Path& working_directory,
                     Settings& settings, std::vector<Problem>& problems) {
  // Names are looked up in what the file said only, so that the order of variables is nothing.
  const Settings from_file = settings;
  Matcher matcher(from_file);
  for (const auto& [variable, value] : environment) {
    if (value.empty() || !variable.starts_with(kPrefix)) continue;
    const std::string_view rest = std::string_view(variable).substr(kPrefix.size());
    const auto reading = matcher.Best(rest);
    if (!reading) {
      if (MustBeKnown(rest)) problems.push_back(Unknown(variable, rest));
      continue;
    }
    try {
      settings.values[reading->key] = Read(*reading, variable, value, working_directory);
      AddTables(reading->key, settings);
    } catch (const base::Error& error) {
      problems.push_back({{Origin::Kind::kEnvironment, variable}, error.message(), error.hints()});
    }
  }
}

}  // namespace holdfast::config
