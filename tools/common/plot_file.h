// bench --plot: the chart as a file. Bars of a test stand together, other programs' below ours.
#pragma once

#include <span>
#include <string>

#include "lathe/bench_report.h"

namespace lathe::tool {

void write_plot(const std::string& path, bool force, std::span<const BenchRow> rows);

}  // namespace lathe::tool
