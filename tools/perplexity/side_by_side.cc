#include "perplexity/side_by_side.h"

#include <algorithm>
#include <utility>

#include "lathe/checkpoint_parts.h"

#include "common/left_out.h"
#include "common/progress_bar.h"

namespace lathe::tool {
namespace {

std::uint64_t weight_bytes(const Checkpoint& checkpoint) {
  std::uint64_t sum = 0;
  for (const TensorInfo& info : checkpoint.tensors()) sum += info.bytes;
  return sum;
}

}  // namespace

std::vector<ModelRow> measure_side_by_side(const Tool& tool, const SideBySide& run,
                                           const std::shared_ptr<const Checkpoint>& base,
                                           std::span<const TokenId> tokens,
                                           std::optional<TokenId> bos) {
  std::vector<Tokens> begun, base_ways;
  auto engine = run.engine(base, true);
  ProgressBar bar(tool, "baseline");
  const KeptPredictions kept(*engine, tokens, bos, run.how, bar.callback());
  bar.finish();
  if (run.continue_by > 0) {
    begun = kept.beginnings(beginning_of(run.how.context));
    base_ways = continue_greedily(*engine, begun, run.continue_by);
  }
  engine.reset();
  std::vector<ModelRow> rows = {{run.base, weight_bytes(*base), {}, {}}};
  for (const std::string& model : run.models) {
    const auto checkpoint = Checkpoint::open(model);
    note_left_out(tool, *checkpoint);
    engine = run.engine(checkpoint, false);
    ProgressBar progress(tool, "measure");
    rows.push_back(
        {model, weight_bytes(*checkpoint), kept.measure(*engine, progress.callback()), {}});
    progress.finish();
    if (run.continue_by == 0) continue;
    rows.back().continuations =
        compare_continuations(continue_greedily(*engine, begun, run.continue_by), base_ways);
  }
  rows.front().report = rows.back().report;
  rows.front().report.model = rows.back().report.divergence->base;
  rows.front().report.divergence.reset();
  return rows;
}

}  // namespace lathe::tool
