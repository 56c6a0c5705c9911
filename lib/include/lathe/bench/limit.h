// A speed beside what the machine allows: the roofline (Williams, Waterman & Patterson 2009)
// of one forward pass.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lathe/bench/bench.h"
#include "lathe/bench/machine.h"
#include "lathe/checkpoint_parts.h"
#include "lathe/export.h"
#include "lathe/lora.h"

namespace lathe {

// What a forward pass must move and compute, from the shapes alone.
struct ModelCost {
  std::uint64_t step_bytes = 0;  // weights read by one step, however many tokens it has
  // Besides, where layers have experts: of all experts, and the share of them that a token meets.
  std::uint64_t expert_bytes = 0;
  double expert_share = 0.0;
  double token_ops = 0.0;       // multiplies and adds of one token in the layers' matrices
  double head_ops = 0.0;        // of one row of logits
  double kv_token_bytes = 0.0;  // written per position, read per later token, in all layers
  std::uint64_t parameters = 0;

  // Weights read for one token.
  std::uint64_t token_bytes() const noexcept {
    return step_bytes +
           static_cast<std::uint64_t>(expert_share * static_cast<double>(expert_bytes));
  }

  // What most products are of, when there are many tokens at once.
  enum class Products { kFloat, kBf16, kInt8 };
  Products products = Products::kFloat;
};

// `kv_element_bytes` is 2 for f16.
LATHE_API ModelCost model_cost(const Checkpoint& checkpoint, double kv_element_bytes);
// And with an adapter beside the weights.
LATHE_API void add_cost(ModelCost& cost, const LoraAdapter& adapter);

// "llama 1.1B Q4_0", "llama 1.1B w4": family, parameters, and quantize's mixture or, of others, the
// type that most bytes have.
LATHE_API std::string model_type_name(const Checkpoint& checkpoint, const ModelCost& cost);

struct BenchLimit {
  double tokens_per_second = 0.0;
  std::string kind;  // "bandwidth" or "arithmetic": which of the two is the tighter
};

// The rate at which `test` would run if its memory traffic and its arithmetic each ran at
// the machine's limit, prompt and generation counted apart.
LATHE_API BenchLimit bench_limit(const BenchCase& test, const ModelCost& cost,
                                 const MachineLimits& machine);

}  // namespace lathe
