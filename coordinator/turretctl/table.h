// Text tables for terminals: aligned whatever script a name is written in, and no byte of a name can steer
// the terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace turret::turretctl {

/// Columns of a terminal that `text` (UTF-8) takes: combining marks none, East Asian wide characters and
/// emoji two.
size_t DisplayWidth(std::string_view text);
/// `text` with control characters and broken UTF-8 as U+FFFD: names come from outside.
std::string Printable(std::string_view text);

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// As many cells as columns; missing ones are empty.
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  /// Lines end in '\n', never in blanks. `indent` blanks stand before each. Without titles, no title line.
  std::string Render(size_t indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// "a, b": joined, each made printable.
template <class Strings>
std::string Joined(const Strings& strings, std::string_view none = "-") {
  std::string all;
  for (const auto& one : strings) all += (all.empty() ? "" : ", ") + Printable(one);
  return all.empty() ? std::string(none) : all;
}

}  // namespace turret::turretctl
