#include "lathe/bench/limit.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <string>

#include "lathe/error.h"

#include "checkpoint/lathe_file.h"
#include "quant/mixture.h"
#include "quant/recipe.h"

namespace lathe {
namespace {

using Products = ModelCost::Products;

Products products_with(DType dtype) {
  if (!is_float(dtype)) return Products::kInt8;
  return dtype == DType::kBF16 ? Products::kBf16 : Products::kFloat;
}

double peak(Products products, const MachineLimits& machine) {
  switch (products) {
    case Products::kInt8:
      return machine.int8_ops;
    case Products::kBf16:
      return machine.bf16_ops;
    default:
      return machine.f32_ops;
  }
}

// Seconds of a step that appends `tokens` to each sequence, `depth` positions in.
struct StepTime {
  double memory = 0.0;
  double arithmetic = 0.0;
  double seconds() const { return std::max(memory, arithmetic); }
};

StepTime step_time(double sequences, double tokens, double depth, const ModelCost& cost,
                   const MachineLimits& machine) {
  StepTime t;
  const double kv_bytes = sequences * (depth + tokens) * cost.kv_token_bytes;
  // Each expert that any of the tokens meets, if they choose evenly.
  const double met = 1.0 - std::pow(1.0 - cost.expert_share, sequences * tokens);
  const double weight_bytes =
      static_cast<double>(cost.step_bytes) + met * static_cast<double>(cost.expert_bytes);
  t.memory = (weight_bytes + kv_bytes) / machine.read_bytes;
  const double ops = sequences * (tokens * cost.token_ops + cost.head_ops);
  t.arithmetic = ops / peak(cost.products, machine);
  return t;
}

}  // namespace

ModelCost model_cost(const Checkpoint& checkpoint, double kv_element_bytes) {
  ModelCost cost;
  const ModelConfig& config = checkpoint.config();
  std::map<Products, double> products;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    const double elements = static_cast<double>(tensor.rows()) * static_cast<double>(tensor.cols());
    cost.parameters += static_cast<std::uint64_t>(elements);
    const bool embedding = tensor.id.role == TensorRole::kEmbedding;
    const bool head =
        tensor.id.role == TensorRole::kHead || (embedding && config.tie_word_embeddings);
    if (embedding && !head) continue;  // one row of it is read
    const bool expert = tensor.id.expert >= 0;
    (expert ? cost.expert_bytes : cost.step_bytes) += tensor.bytes;
    if (tensor.shape.size() < 2) continue;
    double share = 1.0;
    if (expert) {
      const ExpertsConfig& experts = config.layer(tensor.id.layer).experts;
      share = static_cast<double>(experts.used) / static_cast<double>(experts.count);
      cost.expert_share = share;  // the same in all layers
    }
    (head ? cost.head_ops : cost.token_ops) += 2.0 * elements * share;
    products[products_with(tensor.dtype)] += elements;
    if (products[products_with(tensor.dtype)] >= products[cost.products]) {
      cost.products = products_with(tensor.dtype);
    }
  }
  for (const LayerConfig& layer : config.layers) {
    cost.kv_token_bytes += 2.0 * kv_element_bytes * static_cast<double>(layer.attention.kv_rows());
  }
  return cost;
}

void add_cost(ModelCost& cost, const LoraAdapter& adapter) {
  for (const auto& [name, pair] : adapter.pairs()) {
    const std::size_t elements = pair.a.size() + pair.b.size();
    cost.parameters += elements;
    cost.step_bytes += elements * sizeof(float);
    cost.token_ops += 2.0 * static_cast<double>(elements);
  }
}

namespace {

// A mixture is known by its own name, not by the scheme that most of it happens to have.
std::string mixture_name(const Checkpoint& checkpoint) {
  const auto recipe = checkpoint.metadata().find(lathe_file::kKeyRecipe);
  if (recipe == checkpoint.metadata().end()) return "";
  try {
    const Recipe how = parse_recipe(recipe->second, checkpoint.path());
    return is_mixture(how.scheme) && how.rules.empty() ? how.scheme : "";
  } catch (const Error&) {  // somebody else's words
    return "";
  }
}

std::string type_of_most_bytes(const Checkpoint& checkpoint) {
  std::string type = "?";
  std::map<std::string, std::uint64_t> bytes;
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    const std::string name = type_name(checkpoint, i);
    bytes[name] += checkpoint.tensors()[i].bytes;
    if (bytes[name] >= bytes[type]) type = name;
  }
  return type;
}

}  // namespace

std::string model_type_name(const Checkpoint& checkpoint, const ModelCost& cost) {
  const std::string mixture = mixture_name(checkpoint);
  const std::string type = mixture.empty() ? type_of_most_bytes(checkpoint) : mixture;
  const auto parameters = static_cast<double>(cost.parameters);
  return parameters >= 1e9
             ? fmt::format("{} {:.1f}B {}", checkpoint.config().family, parameters / 1e9, type)
             : fmt::format("{} {:.1f}M {}", checkpoint.config().family, parameters / 1e6, type);
}

BenchLimit bench_limit(const BenchCase& test, const ModelCost& cost, const MachineLimits& machine) {
  const auto sequences = static_cast<double>(test.sequences);
  const auto depth = static_cast<double>(test.n_depth);
  const auto prompt = static_cast<double>(test.n_prompt);
  const auto gen = static_cast<double>(test.n_gen);
  const auto check = static_cast<double>(test.n_check);
  double seconds = 0.0;
  double in_memory = 0.0;
  const auto add = [&](const StepTime& t, double times) {
    seconds += times * t.seconds();
    if (t.memory >= t.arithmetic) in_memory += times * t.seconds();
  };
  if (test.n_prompt > 0) add(step_time(sequences, prompt, depth, cost, machine), 1.0);
  if (test.n_check > 0) add(step_time(sequences, check, depth, cost, machine), 1.0);
  // The depth grows by one each step: its middle stands for all.
  if (test.n_gen > 0) {
    add(step_time(sequences, 1.0, depth + prompt + gen / 2.0, cost, machine), gen);
  }
  BenchLimit limit;
  if (seconds <= 0.0) return limit;
  limit.tokens_per_second = sequences * (prompt + gen + check) / seconds;
  limit.kind = in_memory * 2.0 >= seconds ? "bandwidth" : "arithmetic";
  return limit;
}

}  // namespace lathe
