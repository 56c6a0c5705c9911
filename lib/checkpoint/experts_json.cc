#include "checkpoint/experts_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/common_layer.h"

namespace lathe {
namespace {

// A number, or one per layer, which must all be the same. `by_default` of 0: it must be there.
std::int64_t same_in_all(const JsonView& fields, std::string_view key, std::int64_t by_default,
                         std::int64_t least) {
  const auto value = fields.find(key);
  if (!value && by_default != 0) return by_default;
  if (!value || !value->is_array()) return fields.at(key).as_int(least);
  const std::vector<JsonView> items = value->items();
  if (items.empty()) value->fail_here("is empty");
  const std::int64_t first = items.front().as_int(least);
  for (const JsonView& item : items) {
    if (item.as_int(least) == first) continue;
    fail_unsupported("{}: {} differs between layers, which is not supported", quoted(fields.file()),
                     key);
  }
  return first;
}

std::int64_t shared_width(const JsonView& fields, const ExpertRules& rules, std::int64_t width) {
  if (!rules.shared_width_key.empty()) {
    return fields.get_int(rules.shared_width_key, 0).value_or(rules.shared);
  }
  if (rules.shared_count_key.empty()) return 0;
  const std::int64_t count = same_in_all(fields, rules.shared_count_key, rules.shared, 0);
  const auto product = checked_mul(count, width);
  if (count > 4096 || !product) fields.at(rules.shared_count_key).fail_here("is out of range");
  return *product;
}

// Of each layer, whether it has experts.
std::vector<bool> sparse_layers(const JsonView& fields, const ExpertRules& rules,
                                std::int64_t layers) {
  std::vector<bool> sparse(static_cast<std::size_t>(layers), true);
  std::int64_t first = 0;
  std::int64_t last = layers - 1;
  std::int64_t step = 1;
  if (rules.layers == ExpertLayers::kSparseStep) {
    step = fields.get_int("decoder_sparse_step", 1).value_or(1);
    if (const auto dense = fields.find("mlp_only_layers")) {
      for (const JsonView& layer : dense->items()) {
        sparse[static_cast<std::size_t>(layer.as_int(0, layers - 1))] = false;
      }
    }
  } else if (rules.layers == ExpertLayers::kInterval) {
    first = fields.get_int("moe_layer_start_index", 0).value_or(1);
    const std::int64_t end = fields.get_int("moe_layer_end_index", -1).value_or(-1);
    if (end >= 0) last = end;
    step = fields.get_int("moe_layer_interval", 1).value_or(1);
  }
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    if (layer >= first && layer <= last && (layer + 1) % step == 0) continue;
    sparse[static_cast<std::size_t>(layer)] = false;
  }
  return sparse;
}

void put_layers(const ModelConfig& config, const ExpertRules& rules, nlohmann::ordered_json& json) {
  std::vector<std::int64_t> dense;
  for (std::int64_t layer = 0; layer < config.num_layers(); ++layer) {
    if (config.layer(layer).experts.count == 0) dense.push_back(layer);
  }
  if (rules.layers == ExpertLayers::kSparseStep) {
    json["decoder_sparse_step"] = 1;
    json["mlp_only_layers"] = dense;
  } else if (rules.layers == ExpertLayers::kInterval) {
    const auto [first, step] = interval_of_experts(config);
    json["moe_layer_start_index"] = first;
    json["moe_layer_interval"] = step;
  }
}

}  // namespace

void read_experts(const JsonView& fields, const Family& family, ModelConfig& config) {
  const ExpertRules& rules = family.experts;
  if (!rules) return;
  ExpertsConfig experts;
  experts.count = same_in_all(fields, rules.count_key, rules.count, 1);
  experts.used = same_in_all(fields, rules.used_key, rules.used, 1);
  const std::int64_t dense_width = config.layers.front().mlp.width;
  const std::int64_t width =
      same_in_all(fields, rules.width_key, rules.width != 0 ? rules.width : dense_width, 1);
  if (rules.normalized_key) {
    experts.normalized = fields.get_bool("norm_topk_prob").value_or(false);
  }
  experts.selection_bias = rules.selection_bias;
  experts.router_bias = rules.router_bias;
  experts.shared_width = shared_width(fields, rules, width);
  experts.shared_gated = rules.shared_gated && experts.shared_width > 0;
  const std::vector<bool> sparse = sparse_layers(fields, rules, config.num_layers());
  for (std::size_t layer = 0; layer < sparse.size(); ++layer) {
    if (!sparse[layer]) continue;
    config.layers[layer].mlp.width = width;
    config.layers[layer].experts = experts;
  }
}

void experts_to_json(const ModelConfig& config, const Family& family,
                     nlohmann::ordered_json& json) {
  const ExpertRules& rules = family.experts;
  const LayerConfig& layer = sparse_layer(config);
  json[rules.count_key] = layer.experts.count;
  json[rules.used_key] = layer.experts.used;
  json[rules.width_key] = layer.mlp.width;
  if (rules.normalized_key) json["norm_topk_prob"] = layer.experts.normalized;
  if (!rules.shared_width_key.empty()) json[rules.shared_width_key] = layer.experts.shared_width;
  if (!rules.shared_count_key.empty()) {
    json[rules.shared_count_key] = layer.experts.shared_width / layer.mlp.width;
  }
  put_layers(config, rules, json);
}

}  // namespace lathe
