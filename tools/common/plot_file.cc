#include "common/plot_file.h"

#include <vector>

#include "lathe/bench.h"
#include "lathe/output_file.h"

namespace lathe::tool {

void write_plot(const std::string& path, bool force, std::span<const BenchRecord> records) {
  std::vector<BenchBar> bars;
  for (const BenchRecord& record : records) {
    const BenchSummary s = summarize(record.samples_ts);
    bars.push_back({record.test, s.median, s.min, s.max});
  }
  OutputFile file(path, force);
  file.write(plot_svg(records.empty() ? "" : records[0].model,
                      "tokens per second, median; the line spans all runs", bars));
  file.commit();
}

}  // namespace lathe::tool
