#include "config/toml_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "config/name.h"
#include "config/schema.h"

namespace holdfast::config {
namespace {

class Reader {
 public:
  Reader(base::Path file, Settings& settings, std::vector<Problem>& problems)
      : file_(std::move(file)), settings_(settings), problems_(problems) {}

  void Table(const Key& prefix, const toml::table& table) {
    // toml++ sorts by name; which repository comes first matters.
    std::vector<std::pair<const toml::key*, const toml::node*>> members;
    for (auto&& [key, node] : table) members.emplace_back(&key, &node);
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
      return std::pair(a.first->source().begin.line, a.first->source().begin.column) <
             std::pair(b.first->source().begin.line, b.first->source().begin.column);
    });
    for (const auto& [key, node] : members) {
      Key path = prefix;
      path.emplace_back(key->str());
      Member(path, *node, key->source().begin.line);
    }
  }

 private:
  Origin At(std::size_t line) const { return {Origin::Kind::kFile, file_.string(), line}; }
  void Wrong(std::size_t line, std::string message, std::vector<std::string> hints = {}) {
    problems_.push_back({At(line), std::move(message), std::move(hints)});
  }

  void Member(const Key& path, const toml::node& node, std::size_t line) {
    if (const KeySpec* spec = FindKey(path)) return Leaf(path, *spec, node, line);
    const Children children = ChildrenOf(path);
    if (!children.any()) return Unknown(path, line);
    if (children.array) return TableArray(path, node, line);
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      return Wrong(
          line, fmt::format("{} must be a table", ToText(path)),
          {fmt::format("begin it with a line [{}{}]", ToText(path), children.name ? ".NAME" : "")});
    }
    if (!IsNamed(path)) return Table(path, *table);
    if (!IsName(path.back())) {
      return Wrong(line, fmt::format("\"{}\" cannot be a name", path.back()),
                   {std::string(kNameRule)});
    }
    settings_.AddTable(path);
    Table(path, *table);
  }

  // Whether the last part is a name that the user chose.
  static bool IsNamed(const Key& path) {
    return ChildrenOf(Key(path.begin(), path.end() - 1)).name;
  }

  void Unknown(const Key& path, std::size_t line) {
    const Key parent(path.begin(), path.end() - 1);
    const std::string where = parent.empty() ? "" : fmt::format(" in [{}]", ToText(parent));
    const auto known = ChildrenOf(parent).literals;
    const auto near = Nearest(path.back(), known);
    Wrong(line, fmt::format("unknown key \"{}\"{}", path.back(), where),
          {near ? fmt::format("did you mean \"{}\"?", *near)
                : fmt::format("known there: {}", fmt::join(known, ", "))});
  }

  static std::string ListHint(const Key& path) {
    return fmt::format("begin each with a line [[{}]]", ToText(path));
  }

  void TableArray(const Key& path, const toml::node& node, std::size_t line) {
    const toml::array* array = node.as_array();
    if (array == nullptr) {
      return Wrong(line, fmt::format("{} must be a list of tables", ToText(path)),
                   {ListHint(path)});
    }
    for (std::size_t i = 0; i < array->size(); ++i) {
      const toml::table* table = (*array)[i].as_table();
      if (table == nullptr) {
        Wrong(line, fmt::format("{} must be a list of tables", ToText(path)), {ListHint(path)});
        continue;
      }
      Key element = path;
      element.push_back(std::to_string(i));
      settings_.AddTable(element);
      Table(element, *table);
    }
  }

  void Leaf(const Key& path, const KeySpec& spec, const toml::node& node, std::size_t line) {
    std::optional<std::vector<std::string>> values =
        spec.type == ValueType::kTextList ? List(node) : One(spec.type, node);
    if (!values) {
      return Wrong(line, fmt::format("{} must be {}", ToText(path), Wanted(spec.type)),
                   {fmt::format("write {} = {}", path.back(), Example(spec.type))});
    }
    if (spec.type == ValueType::kPath && !values->front().empty()) {
      values->front() = (file_.parent_path() / values->front()).lexically_normal().string();
    }
    settings_.values[path] = {std::move(*values), At(line)};
  }

  static std::string_view Wanted(ValueType type) {
    switch (type) {
      case ValueType::kInteger:
        return "a whole number";
      case ValueType::kDecimal:
        return "a number, such as 0.023";
      case ValueType::kBoolean:
        return "true or false";
      case ValueType::kSize:
        return "a size, such as \"32MiB\"";
      case ValueType::kDuration:
        return "a duration in quotes, such as \"30s\"";
      case ValueType::kTextList:
        return "a list of texts";
      case ValueType::kText:
      case ValueType::kPath:
        break;
    }
    return "a text in quotes";
  }

  static std::string_view Example(ValueType type) {
    switch (type) {
      case ValueType::kInteger:
        return "4, or another number";
      case ValueType::kDecimal:
        return "0.023, or another number";
      case ValueType::kBoolean:
        return "true, or false, without quotes";
      case ValueType::kSize:
        return "\"32MiB\", or another size";
      case ValueType::kDuration:
        return "\"30s\", or another duration";
      case ValueType::kTextList:
        return "[\"one\", \"another\"]";
      case ValueType::kText:
      case ValueType::kPath:
        break;
    }
    return "\"...\"";
  }

  static std::optional<std::vector<std::string>> List(const toml::node& node) {
    std::vector<std::string> values;
    const toml::array* array = node.as_array();
    if (array == nullptr) return std::nullopt;
    for (const toml::node& element : *array) {
      const auto* text = element.as_string();
      if (text == nullptr) return std::nullopt;
      values.push_back(text->get());
    }
    return values;
  }

  static std::optional<std::vector<std::string>> One(ValueType type, const toml::node& node) {
    const bool number =
        type == ValueType::kInteger || type == ValueType::kSize || type == ValueType::kDecimal;
    if (number && node.is_integer()) return std::vector{std::to_string(node.as_integer()->get())};
    if (type == ValueType::kDecimal && node.is_floating_point())
      return std::vector{fmt::format("{}", node.as_floating_point()->get())};
    if (type == ValueType::kBoolean && node.is_boolean())
      return std::vector<std::string>{node.as_boolean()->get() ? "true" : "false"};
    if (type == ValueType::kInteger || type == ValueType::kBoolean) return std::nullopt;
    if (!node.is_string()) return std::nullopt;
    return std::vector{node.as_string()->get()};
  }

  base::Path file_;
  Settings& settings_;
  std::vector<Problem>& problems_;
};

// The parser quotes what it stumbled over, which may be a secret: its words are kept only up to the
// quotation, and up to where they make sense without it.
std::string WithoutQuotation(std::string_view what) {
  const std::size_t end = what.find_first_of(";'\"");
  const bool quotes = end != std::string_view::npos && what[end] != ';';
  what = what.substr(0, end);
  if (quotes) what = what.substr(0, what.find_last_of(",:"));
  constexpr std::string_view kBegin = "Error while ";
  if (what.starts_with(kBegin)) what.remove_prefix(kBegin.size());
  while (what.ends_with(' ')) what.remove_suffix(1);
  return std::string(what);
}

}  // namespace

void ReadToml(std::string_view text, const base::Path& file, Settings& settings,
              std::vector<Problem>& problems) {
  try {
    Reader(file, settings, problems).Table({}, toml::parse(text, file.string()));
  } catch (const toml::parse_error& error) {
    problems.push_back({{Origin::Kind::kFile, file.string(), error.source().begin.line},
                        fmt::format("this is not TOML (column {}, {})", error.source().begin.column,
                                    WithoutQuotation(error.description())),
                        {"texts stand in double quotes: key = \"value\""}});
  }
}

}  // namespace holdfast::config
