#include "checkpoint/experts_gguf.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

// What is said of the router must be what its family does.
void check_routing(const GgufFields& keys) {
  constexpr std::int64_t kSoftmax = 1;
  constexpr std::int64_t kSoftmaxOfChosen = 3;
  const std::int64_t function = keys.integer("expert_gating_func").value_or(0);
  if (function != 0 && function != kSoftmax && function != kSoftmaxOfChosen) {
    fail_unsupported("{}: {} is {}; only the softmax is supported", quoted(keys.gguf().path()),
                     keys.key("expert_gating_func"), function);
  }
  const double scale = keys.real("expert_weights_scale").value_or(0.0);
  if (scale != 0.0 && scale != 1.0) {
    fail_unsupported("{}: {} other than 1 is not supported", quoted(keys.gguf().path()),
                     keys.key("expert_weights_scale"));
  }
}

std::int64_t count_of(const GgufFields& keys, const char* name, std::int64_t most) {
  return keys.require(name, 1, most);
}

}  // namespace

void read_experts(const GgufFields& keys, const Family& family, ModelConfig& config) {
  const ExpertRules& rules = family.experts;
  if (!rules) {
    if (keys.integer("expert_count").value_or(0) == 0) return;
    fail_unsupported("{}: a mixture of experts is not supported for this architecture",
                     quoted(keys.gguf().path()));
  }
  check_routing(keys);
  ExpertsConfig experts;
  experts.count = count_of(keys, "expert_count", 4096);
  experts.used = count_of(keys, "expert_used_count", experts.count);
  experts.normalized = keys.boolean("expert_weights_norm").value_or(rules.gguf_normalized);
  experts.selection_bias = rules.selection_bias;
  experts.router_bias = rules.router_bias;
  keys.key("expert_shared_count");  // follows from the width
  if (rules.has_shared()) {
    experts.shared_width = keys.integer("expert_shared_feed_forward_length").value_or(0);
    experts.shared_gated = rules.shared_gated && experts.shared_width > 0;
  }
  const std::int64_t dense_width = config.layers.front().mlp.width;
  const std::int64_t width = keys.uniform("expert_feed_forward_length").value_or(dense_width);
  const std::int64_t lead = keys.integer("leading_dense_block_count").value_or(0);
  const std::int64_t step = keys.integer("interleave_moe_layer_step").value_or(1);
  if (step < 1) {
    fail_invalid("{}: {} is {}", quoted(keys.gguf().path()), keys.key("interleave_moe_layer_step"),
                 step);
  }
  for (std::int64_t i = 0; i < config.num_layers(); ++i) {
    if (i < lead || (i + 1) % step != 0) continue;
    LayerConfig& layer = config.layers[static_cast<std::size_t>(i)];
    layer.mlp.width = width;
    layer.experts = experts;
  }
}

}  // namespace lathe
