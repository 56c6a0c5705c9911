// What a decoder-only transformer is, as data: sizes, and one record per layer. It describes
// every family, so that the forward pass has no family in it.
//
//   ModelConfig ── layers[0] ── attention (heads, window, rope, ...)   what mixes tokens
//               │            └─ mlp (width, activation, ...)           what follows, token by token
//               ├─ layers[1] ...
//
// Layers of most models are alike; where they differ (windows in every second one, say) the
// records do, and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lathe/export.h"

namespace lathe {

enum class Activation {
  kSilu,      // x / (1 + e^-x)
  kGeluTanh,  // GELU's tanh form
  kRelu2,     // max(x, 0)²
  // gpt-oss: gate and up clamped to 7, up on both sides; gate · sigmoid(1.702 · gate) · (up + 1)
  kClampedSwiglu,
};

enum class RopeScalingKind { kNone, kLinear, kLlama3, kYarn, kLongRope };

// Rotary position embedding (Su et al. 2021) and its extensions to longer contexts:
// linear interpolation (Chen et al. 2023), Llama 3.1's by-parts rule, YaRN (Peng et al. 2023),
// LongRoPE (Ding et al. 2024).
struct RopeConfig {
  double theta = 10000.0;
  RopeScalingKind scaling = RopeScalingKind::kNone;
  double factor = 1.0;
  std::int64_t original_max_position = 0;  // llama3, yarn, longrope
  double low_freq_factor = 1.0;            // llama3
  double high_freq_factor = 4.0;           // llama3
  double beta_fast = 32.0;                 // yarn
  double beta_slow = 1.0;                  // yarn
  // yarn; 0: 0.1·ln(factor) + 1. longrope; 0: √(1 + ln(factor) / ln(original_max_position))
  double attention_factor = 0.0;
  bool truncate = true;  // yarn: the ramp's ends are whole dimensions
  // Divisors of the frequencies, one per pair of dimensions that turns, for files that carry them
  // ready-made (GGUF's rope_freqs.weight) instead of the parameters of a rule; empty: none.
  std::vector<float> frequency_factors;
  // longrope: the divisors that count instead of those above where factor, the context over the
  // original one, is more than 1.
  std::vector<float> long_factors;

  bool operator==(const RopeConfig&) const = default;
};

// RMS norms of queries and keys.
enum class QkNorm {
  kNone,
  kPerHead,  // each head by itself; one weight [head_dim] for all
  kWhole,    // all heads of a row together; weights as long as they
};

// Causal attention with grouped heads.
struct AttentionConfig {
  std::int64_t heads = 0;     // of queries
  std::int64_t kv_heads = 0;  // of keys and values; divides heads
  std::int64_t head_dim = 0;  // even; need not be hidden_size / heads
  std::int64_t window = 0;    // positions that a token sees, itself included; 0: all
  RopeConfig rope;
  std::int64_t rotary_dims = 0;  // of each head, the first ones, that turn; 0: none, no positions
  double scale = 0.0;            // of the products of queries and keys; 0: 1 / √head_dim
  // The products, scaled, become soft_cap · tanh(product / soft_cap); 0: they stay.
  double soft_cap = 0.0;
  // Queries at position p are multiplied by 1 + temperature · ln(⌊p / temperature_span⌋ + 1).
  double temperature = 0.0;
  std::int64_t temperature_span = 0;
  QkNorm qk_norm = QkNorm::kNone;
  bool norm_turned = false;  // queries and keys are normed after they turn, not before
  bool qkv_bias = false;
  bool output_bias = false;
  bool sinks = false;  // a head has one more score, a weight, which has no value

  // Rows of the matrices of queries, and of keys and of values.
  std::int64_t query_rows() const noexcept { return heads * head_dim; }
  std::int64_t kv_rows() const noexcept { return kv_heads * head_dim; }

  bool operator==(const AttentionConfig&) const = default;
};

// The feed-forward part: down(activation(gate(x)) · up(x)), or down(activation(up(x))).
struct MlpConfig {
  std::int64_t width = 0;  // rows of gate and up
  bool gated = true;
  Activation activation = Activation::kSilu;
  bool bias = false;

  bool operator==(const MlpConfig&) const = default;
};

// A mixture of experts: each token goes through those `used` of `count` feed-forward parts that a
// router scores highest; their outputs add up by the scores' softmax (Shazeer et al. 2017).
struct ExpertsConfig {
  std::int64_t count = 0;  // 0: the feed-forward part is one
  std::int64_t used = 0;
  bool normalized = true;       // weights of those chosen are divided by their sum
  bool router_bias = false;     // of the scores
  bool selection_bias = false;  // added to the weights to choose by, and not to multiply with
  // A part that every token goes through besides; 0: none.
  std::int64_t shared_width = 0;
  bool shared_gated = false;  // its output is multiplied by the sigmoid of a product of its own

  bool operator==(const ExpertsConfig&) const = default;
};

// What mixes the tokens of a layer.
enum class Mixer { kAttention };

// Where the RMS norms of a layer's two blocks stand; x is what goes from layer to layer.
enum class NormPlace {
  kBefore,  // x += block(norm(x))
  kAround,  // x += norm(block(norm(x)))
  kAfter,   // x += norm(block(x))
};

struct LayerConfig {
  Mixer mixer = Mixer::kAttention;
  NormPlace norms = NormPlace::kBefore;
  AttentionConfig attention;  // where the mixer is that
  MlpConfig mlp;              // or each of several
  ExpertsConfig experts;

  bool operator==(const LayerConfig&) const = default;
};

struct ModelConfig {
  std::string family;  // Hugging Face's model_type: "llama", "mistral", "qwen2", "qwen3"
  std::string name;    // for people; may be empty

  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t max_position = 0;
  double rms_norm_eps = 1e-5;
  bool tie_word_embeddings = false;
  double embedding_scale = 1.0;  // of the rows of the embedding as a text goes in
  double residual_scale = 1.0;   // of what each block adds
  double logit_scale = 1.0;
  double logit_soft_cap = 0.0;  // logits, scaled, become cap · tanh(logit / cap); 0: they stay
  std::vector<LayerConfig> layers;

  // Token ids that generation needs; -1 or empty when the model names none.
  std::int64_t bos_token = -1;
  std::vector<std::int64_t> eos_tokens;  // any of them ends a text
  std::int64_t pad_token = -1;

  std::int64_t num_layers() const noexcept { return static_cast<std::int64_t>(layers.size()); }
  const LayerConfig& layer(std::int64_t index) const noexcept {
    return layers[static_cast<std::size_t>(index)];
  }
};

// Throws Error(kInvalid), with `file` in the message, unless every field is in its range and
// they fit each other (heads divide, sizes positive and not absurd, rope parameters finite).
LATHE_API void validate(const ModelConfig& config, const std::string& file);

}  // namespace lathe
