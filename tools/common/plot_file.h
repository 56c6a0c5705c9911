// bench --plot: the chart as a file.
#pragma once

#include <span>
#include <string>

#include "lathe/bench_compare.h"

namespace lathe::tool {

void write_plot(const std::string& path, bool force, std::span<const BenchRecord> records);

}  // namespace lathe::tool
