#include "checkpoint/config_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tuple>

namespace lathe {
namespace {

// A record is taken apart whole, so that a new field does not compile before it is decided here
// whether it counts.
std::string describe(const RopeConfig& rope) {
  const auto& [theta, scaling, factor, original, low, high, fast, slow, attention, truncate,
               factors, long_factors] = rope;
  return fmt::format("rope {} {} {} {} {} {} {} {} {} {} [{}] [{}]", theta,
                     static_cast<int>(scaling), factor, original, low, high, fast, slow, attention,
                     truncate, fmt::join(factors, ","), fmt::join(long_factors, ","));
}

std::string describe(const AttentionConfig& a) {
  const auto& [heads, kv_heads, head_dim, window, rope, rotary_dims, scale, soft_cap, temperature,
               temperature_span, qk_norm, norm_turned, qkv_bias, output_bias, sinks] = a;
  // What does not turn has no angles.
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {}{}", heads, kv_heads, head_dim,
                     window, rotary_dims > 0 ? describe(rope) : "", rotary_dims, scale, soft_cap,
                     temperature, temperature_span, static_cast<int>(qk_norm), norm_turned,
                     qkv_bias, output_bias, sinks ? " sinks" : "");
}

std::string describe(const MlpConfig& mlp) {
  const auto& [width, gated, activation, bias] = mlp;
  return fmt::format("{} {} {} {}", width, gated, static_cast<int>(activation), bias);
}

std::string describe(const ExpertsConfig& experts) {
  const auto& [count, used, normalized, router_bias, selection_bias, shared_width, shared_gated] =
      experts;
  if (count == 0) return "";
  return fmt::format(" {} {} {} {} {} {} {}", count, used, normalized, router_bias, selection_bias,
                     shared_width, shared_gated);
}

std::string describe(const LayerConfig& layer) {
  const auto& [mixer, norms, attention, mlp, experts] = layer;
  return fmt::format("{} {} {} {}{}", static_cast<int>(mixer), static_cast<int>(norms),
                     describe(attention), describe(mlp), describe(experts));
}

}  // namespace

std::string config_text(const ModelConfig& config) {
  const auto& [family, name, vocab, hidden, positions, eps, tied, embedding_scale, residual_scale,
               logit_scale, logit_soft_cap, layers, bos, eos, pad] = config;
  // Names say nothing of the numbers, and tokens are the generator's.
  static_cast<void>(std::tie(family, name, bos, eos, pad));
  std::string text =
      fmt::format("{} {} {} {} {} {} {} {} {}\n", vocab, hidden, positions, eps, tied,
                  embedding_scale, residual_scale, logit_scale, logit_soft_cap);
  for (const LayerConfig& layer : layers) text += describe(layer) + '\n';
  return text;
}

}  // namespace lathe
