// Bench results for people: Markdown tables whose columns also line up on a terminal.
//
// Names of tests, models and commands are escaped for the terminal. Never throws on any rows.
#pragma once

#include <span>
#include <string>

#include "lathe/bench/report.h"

namespace lathe {

// All tables that have rows, an empty line between them. `width`: see text_table.h.
std::string bench_tables(std::span<const BenchRow> rows, std::size_t width);

}  // namespace lathe
