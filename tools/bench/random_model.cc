#include "bench/random_model.h"

#include "lathe/quantize.h"
#include "lathe/synthetic.h"

#include "common/progress_bar.h"

namespace lathe::tool {
std::shared_ptr<const Checkpoint> random_model(const Tool& tool, const std::string& shape,
                                               const std::string& scheme, std::int64_t layers,
                                               int threads,
                                               std::optional<TemporaryFolder>& folder) {
  SyntheticOptions synthetic;
  synthetic.layers = layers;
  const auto weights = synthetic_checkpoint(shape, synthetic);
  QuantizeOptions options;
  if (!scheme.empty()) options.scheme = scheme;
  options.threads = threads;
  plan_quantization(*weights, "", options);  // an unknown scheme, before there is a folder
  folder.emplace("lathe-bench");             // ours, so nobody else can put a file in the way
  const std::string file = folder->file("model.lathe");
  ProgressBar bar(tool, "random weights", ProgressBar::Unit::kBytes);
  options.progress = bar.callback();
  quantize(*weights, file, options);
  bar.finish();
  return Checkpoint::open(file);
}

}  // namespace lathe::tool
