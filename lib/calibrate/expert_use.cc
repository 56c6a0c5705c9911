#include "lathe/expert_use.h"

#include <algorithm>
#include <numeric>

#include "lathe/activations.h"
#include "lathe/model_config.h"

#include "base/fail.h"
#include "calibrate/run_text.h"

namespace lathe {

ExpertUse measure_expert_use(std::shared_ptr<const Model> model, std::span<const TokenId> tokens,
                             std::optional<TokenId> bos, const CalibrationOptions& options,
                             const ProgressCallback& progress) {
  ExpertUse use;
  for (const LayerConfig& layer : model->config().layers) {
    use.weight.emplace_back(static_cast<std::size_t>(layer.experts.count));
  }
  const auto add = [&use](const ActivationRows& rows) {
    if (rows.point != ActivationPoint::kRouting) return;
    std::vector<double>& weight = use.weight[static_cast<std::size_t>(rows.layer)];
    for (std::int64_t i = 0; i < rows.rows * rows.cols; ++i) {
      weight[static_cast<std::size_t>(i % rows.cols)] += static_cast<double>(rows.x[i]);
    }
  };
  use.tokens = run_text(std::move(model), tokens, bos, options, progress, add);
  return use;
}

ExpertSets most_used_experts(const ExpertUse& use, std::int64_t keep) {
  ExpertSets sets;
  for (const std::vector<double>& weight : use.weight) {
    std::vector<std::int64_t>& set = sets.emplace_back(weight.size());
    if (weight.empty()) continue;
    if (keep < 1 || keep > static_cast<std::int64_t>(weight.size())) {
      fail(ErrorCode::kUsage, "{} experts cannot be kept of the {} of layer {}", keep,
           weight.size(), sets.size() - 1);
    }
    std::iota(set.begin(), set.end(), std::int64_t{0});
    std::ranges::stable_sort(set, std::greater(), [&](std::int64_t expert) {
      return weight[static_cast<std::size_t>(expert)];
    });
    set.resize(static_cast<std::size_t>(keep));
    std::ranges::sort(set);
  }
  return sets;
}

ExpertLoss lost_weight(const ExpertUse& use, const ExpertSets& kept) {
  ExpertLoss loss;
  double all = 0.0;
  double lost = 0.0;
  for (std::size_t layer = 0; layer < use.weight.size(); ++layer) {
    const std::vector<double>& weight = use.weight[layer];
    const double whole = std::accumulate(weight.begin(), weight.end(), 0.0);
    if (whole <= 0.0) continue;
    double gone = 0.0;
    for (std::size_t expert = 0; expert < weight.size(); ++expert) {
      const auto number = static_cast<std::int64_t>(expert);
      if (!std::ranges::binary_search(kept[layer], number)) gone += weight[expert];
    }
    if (loss.worst_layer < 0 || gone / whole > loss.worst) {
      loss.worst = gone / whole;
      loss.worst_layer = static_cast<std::int64_t>(layer);
    }
    all += whole;
    lost += gone;
  }
  if (all > 0.0) loss.share = lost / all;
  return loss;
}

}  // namespace lathe
