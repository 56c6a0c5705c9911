#include "bench/check_cost.h"

#include <algorithm>
#include <vector>

namespace lathe {
namespace {

double pass_ms(const BenchRow& row) {
  const double median = summarize(row.result.tokens_per_second()).median;
  return median > 0.0 ? 1e3 * static_cast<double>(row.result.test.n_check) / median : 0.0;
}

// Of all drafted tokens of a pass together.
double drafting_ms(const BenchRow& row) {
  std::vector<double> shares;
  for (const BenchSample& sample : row.result.samples) {
    const double total = static_cast<double>(std::max<std::int64_t>(1, sample.total_ns()));
    shares.push_back(static_cast<double>(sample.draft_ns) / total);
  }
  return summarize(shares).median * pass_ms(row);
}

bool same_place(const BenchRow& a, const BenchRow& b) {
  const BenchSetting &s = a.setting, &t = b.setting;
  return a.command.empty() && b.command.empty() && s.model_filename == t.model_filename &&
         s.n_threads == t.n_threads && s.n_batch == t.n_batch && s.type_kv == t.type_kv &&
         a.result.test.n_depth == b.result.test.n_depth;
}

}  // namespace

CheckCost check_cost(std::span<const BenchRow> rows, const BenchRow& row) {
  CheckCost cost;
  cost.ms = pass_ms(row);
  const auto one = std::find_if(rows.begin(), rows.end(), [&](const BenchRow& other) {
    return other.result.test.n_check == 1 && same_place(row, other);
  });
  const double one_ms = one == rows.end() ? 0.0 : pass_ms(*one);
  if (one_ms <= 0.0) return cost;
  cost.times_one = cost.ms / one_ms;
  if (row.result.test.n_check < 2) return cost;
  const auto drafted = static_cast<double>(row.result.test.n_check - 1);
  const auto share = [&](double ms) { return std::max(0.0, (ms / one_ms - 1.0) / drafted); };
  cost.pays_above = share(cost.ms);
  if (row.setting.draft_filename.empty()) return cost;
  const double drafting = drafting_ms(row);
  cost.draft_ms = drafting / drafted;
  cost.draft_pays_above = share(cost.ms + drafting);
  return cost;
}

}  // namespace lathe
