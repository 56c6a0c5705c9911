// Which experts of a mixture a text needs.
//
//   const ExpertUse use = measure_expert_use(model, tokens, bos, {});
//   const ExpertSets kept = most_used_experts(use, 64);   // for keep_experts()
//   const ExpertLoss loss = lost_weight(use, kept);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lathe/experts.h"
#include "lathe/export.h"
#include "lathe/host/progress.h"
#include "lathe/importance.h"

namespace lathe {

// How much a text needs each expert.
struct ExpertUse {
  // [layer][expert]: sum of the weights by which its outputs were multiplied; of layers without
  // experts empty.
  std::vector<std::vector<double>> weight;
  std::int64_t tokens = 0;  // that were seen
};

// Runs `tokens` through the model, as measure_importance() does.
LATHE_API ExpertUse measure_expert_use(std::shared_ptr<const Model> model,
                                       std::span<const TokenId> tokens, std::optional<TokenId> bos,
                                       const CalibrationOptions& options,
                                       const ProgressCallback& progress = {});

// Of each layer the `keep` experts with most weight; of equals those of lower numbers. Throws
// kUsage where a layer has fewer.
LATHE_API ExpertSets most_used_experts(const ExpertUse& use, std::int64_t keep);

// The share of the weight, 0 to 1, that went to experts that are not kept.
struct ExpertLoss {
  double share = 0.0;
  double worst = 0.0;  // of the layer that loses most
  std::int64_t worst_layer = -1;
};
LATHE_API ExpertLoss lost_weight(const ExpertUse& use, const ExpertSets& kept);

}  // namespace lathe
