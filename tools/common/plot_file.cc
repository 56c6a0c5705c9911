#include "common/plot_file.h"

#include <vector>

#include "lathe/bench_compare.h"
#include "lathe/output_file.h"

namespace lathe::tool {
namespace {

BenchBar bar_of(const BenchRow& row) {
  const BenchSummary s = summarize(row.result.tokens_per_second());
  const std::string test = row.result.test.name();
  if (row.command.empty()) return {test, s.median, s.min, s.max, false};
  return {test + " " + row.program, s.median, s.min, s.max, true};
}

}  // namespace

void write_plot(const std::string& path, bool force, std::span<const BenchRow> rows) {
  std::vector<BenchBar> bars;
  for (const BenchRow& row : rows) {
    if (!row.command.empty()) continue;
    bars.push_back(bar_of(row));
    for (const BenchRow& other : rows) {
      const bool same = other.result.test.name() == row.result.test.name();
      if (same && !other.command.empty()) bars.push_back(bar_of(other));
    }
  }
  OutputFile file(path, force);
  file.write(plot_svg(rows.empty() ? "" : rows[0].setting.model_filename,
                      "tokens per second, median; the line spans all runs", bars));
  file.commit();
}

}  // namespace lathe::tool
