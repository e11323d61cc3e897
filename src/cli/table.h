// Text for people: columns that line up, whatever script the words are in.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cli {

// Columns that UTF-8 text takes in a terminal: East Asian wide characters two, combining marks
// none (Unicode Standard Annex 11).
int DisplayWidth(std::string_view text);
// At most `width` columns of it.
std::string Clip(std::string_view text, int width);
// Control characters and bytes that are no UTF-8 as '?': a file's or label's name must not steer a
// terminal.
std::string Printable(std::string_view text);

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns);
  // As many cells as columns.
  void Add(std::vector<std::string> cells);
  void Print(std::ostream& out) const;
  bool empty() const { return rows_.empty(); }

 private:
  void PrintRow(std::ostream& out, const std::vector<std::string>& cells,
                const std::vector<int>& widths) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace holdfast::cli
