#include "bench/text_table.h"

#include <algorithm>
#include <fmt/format.h>

#include "lathe/host/terminal_text.h"

namespace lathe {
namespace {

constexpr std::size_t kMinWidth = 3;  // of a column: Markdown's dashes
constexpr std::size_t kMinName = 8;

std::vector<std::size_t> widths_of(const TableLines& lines) {
  std::vector<std::size_t> widths(lines[0].size(), kMinWidth);
  for (const auto& line : lines) {
    for (std::size_t c = 0; c < line.size(); ++c) {
      widths[c] = std::max(widths[c], width_of(line[c]));
    }
  }
  return widths;
}

// With "| " before each column, a space behind it and "|" at the end.
std::size_t total_of(const std::vector<std::size_t>& widths) {
  std::size_t total = 1;
  for (const std::size_t width : widths) total += width + 3;
  return total;
}

bool is_constant(const TableLines& lines, std::size_t column) {
  return std::all_of(lines.begin() + 1, lines.end(),
                     [&](const auto& line) { return line[column] == lines[1][column]; });
}

void remove_column(TableLines& lines, std::size_t column) {
  for (auto& line : lines) line.erase(line.begin() + static_cast<std::ptrdiff_t>(column));
}

// Takes columns that say the same in every line out of a table that is too wide, and gives them as
// a sentence.
std::string lift_constants(TableLines& lines, std::size_t& text_columns, std::size_t width) {
  std::string out;
  // One column stays: it is what the table is about.
  for (std::size_t c = 0; c + 1 < lines[0].size() && lines.size() > 1;) {
    if (total_of(widths_of(lines)) <= width) break;
    if (!is_constant(lines, c)) {
      ++c;
      continue;
    }
    if (!out.empty()) out += ", ";
    out += fmt::format("{}: {}", lines[0][c], lines[1][c]);
    remove_column(lines, c);
    if (c < text_columns) --text_columns;
  }
  return out.empty() ? out : out + "\n\n";
}

void drop_spare(TableLines& lines, std::size_t width, std::span<const std::string_view> spare) {
  for (const std::string_view heading : spare) {
    if (total_of(widths_of(lines)) <= width) return;
    const auto at = std::find(lines[0].begin(), lines[0].end(), heading);
    if (at != lines[0].end()) {
      remove_column(lines, static_cast<std::size_t>(at - lines[0].begin()));
    }
  }
}

void shorten_names(TableLines& lines, std::size_t text_columns, std::size_t width) {
  for (std::size_t c = 0; c < text_columns; ++c) {
    const std::vector<std::size_t> widths = widths_of(lines);
    const std::size_t total = total_of(widths);
    if (total <= width) return;
    if (widths[c] <= kMinName) continue;
    const std::size_t room = std::max(kMinName, widths[c] - std::min(widths[c], total - width));
    for (auto& line : lines) line[c] = shortened(line[c], room);
  }
}

}  // namespace

std::string text_table(TableLines lines, std::size_t text_columns, std::size_t width,
                       std::span<const std::string_view> spare) {
  std::string out;
  if (width > 0) {
    out = lift_constants(lines, text_columns, width);
    drop_spare(lines, width, spare);
    shorten_names(lines, text_columns, width);
  }
  const std::vector<std::size_t> widths = widths_of(lines);
  for (std::size_t l = 0; l < lines.size(); ++l) {
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string pad(widths[c] - width_of(lines[l][c]), ' ');
      out += c < text_columns ? fmt::format("| {}{} ", lines[l][c], pad)
                              : fmt::format("| {}{} ", pad, lines[l][c]);
    }
    out += "|\n";
    if (l > 0) continue;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string dashes(widths[c], '-');
      out += c < text_columns ? fmt::format("| {} ", dashes) : fmt::format("| {}:", dashes);
    }
    out += "|\n";
  }
  return out;
}

}  // namespace lathe
