#include "restore/config_settings.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace holdfast::restore {

namespace {

// The server gives up at this depth.
constexpr int kMaxDepth = 10;
// Files that include one another several times would never end.
constexpr int kMaxFiles = 1000;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view SkipSpace(std::string_view text) {
  text.remove_prefix(
      static_cast<std::size_t>(std::ranges::find_if_not(text, IsSpace) - text.begin()));
  return text;
}

char Unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// In single quotes: '' is a quote, a backslash escapes as in C. Takes the value off `text`.
std::optional<std::string> TakeQuoted(std::string_view& text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\'' && i + 1 < text.size() && text[i + 1] == '\'') {
      value += text[++i];
    } else if (text[i] == '\'') {
      text.remove_prefix(i + 1);
      return value;
    } else if (text[i] == '\\' && i + 1 < text.size() && IsOctal(text[i + 1])) {
      int code = 0;
      for (int digits = 0; digits < 3 && i + 1 < text.size() && IsOctal(text[i + 1]); ++digits)
        code = code * 8 + (text[++i] - '0');
      value += static_cast<char>(code);
    } else if (text[i] == '\\' && i + 1 < text.size()) {
      value += Unescaped(text[++i]);
    } else {
      value += text[i];
    }
  }
  return std::nullopt;
}

std::string_view TakeWord(std::string_view& text, std::string_view ends) {
  const std::string_view word = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(word.size());
  return word;
}

std::optional<ConfigStatement> ParseLine(std::string_view line) {
  line = SkipSpace(line);
  ConfigStatement statement{.name = std::string(TakeWord(line, " \t\r=#'")), .value = {}};
  std::ranges::transform(statement.name, statement.name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (statement.name.empty()) return std::nullopt;
  line = SkipSpace(line);
  if (line.starts_with('=')) line = SkipSpace(line.substr(1));
  if (line.starts_with('\'')) {
    std::optional<std::string> value = TakeQuoted(line);
    if (!value) return std::nullopt;
    statement.value = *std::move(value);
  } else {
    statement.value = TakeWord(line, " \t\r#");
    if (statement.value.empty()) return std::nullopt;
  }
  line = SkipSpace(line);
  if (!line.empty() && line.front() != '#') return std::nullopt;
  return statement;
}

class Reading {
 public:
  explicit Reading(const ConfigFiles& files) : files_(files) {}

  std::map<std::string, std::string> Run() {
    ReadFile("postgresql.conf", 0);
    ReadFile("postgresql.auto.conf", 0);
    return std::move(settings_);
  }

 private:
  void ReadFile(const std::string& path, int depth) {
    if (depth > kMaxDepth || ++read_ > kMaxFiles) return;
    const std::optional<std::string> text = files_.read(path);
    if (!text) return;
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    for (const ConfigStatement& statement : ParseConfig(*text)) {
      const std::string named = (folder / statement.value).lexically_normal().string();
      if (statement.name == "include" || statement.name == "include_if_exists") {
        ReadFile(named, depth + 1);
      } else if (statement.name == "include_dir") {
        ReadFolder(named, depth + 1);
      } else {
        settings_[statement.name] = statement.value;
      }
    }
  }

  // Every visible *.conf in it, in the order of their names.
  void ReadFolder(const std::filesystem::path& folder, int depth) {
    const std::filesystem::path normal = (folder / "").lexically_normal().parent_path();
    for (const std::string& path : files_.paths) {
      const std::filesystem::path file(path);
      if (file.parent_path() == normal && file.extension() == ".conf" &&
          !file.filename().string().starts_with('.'))
        ReadFile(path, depth);
    }
  }

  const ConfigFiles& files_;
  int read_ = 0;
  std::map<std::string, std::string> settings_;
};

}  // namespace

std::vector<ConfigStatement> ParseConfig(std::string_view text) {
  std::vector<ConfigStatement> statements;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (auto statement = ParseLine(text.substr(0, end)))
      statements.push_back(*std::move(statement));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return statements;
}

std::map<std::string, std::string> SettingsInForce(const ConfigFiles& files) {
  return Reading(files).Run();
}

}  // namespace holdfast::restore
