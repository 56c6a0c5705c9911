// Tables for people: Markdown whose columns also line up on a terminal.
//
// Where a terminal is narrower than the table, what is the same in every line goes in front of it,
// column by column from the left until the rest fits; then columns that can be spared go; then
// names lose their middle, those of the first column before others.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

// The first line is the heading; each has as many cells.
using TableLines = std::vector<std::vector<std::string>>;

// The first `text_columns` are put to the left, the others, numbers, to the right. `width`: columns
// of the terminal, 0 where there is none.
// `spare`: headings of columns that can be done without, the first before the others.
std::string text_table(TableLines lines, std::size_t text_columns, std::size_t width,
                       std::span<const std::string_view> spare = {});

}  // namespace lathe
