// What a decoder-only transformer is, as data: one struct describes every family, so that
// the forward pass has no family in it. Names follow Hugging Face's config.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lathe/export.h"

namespace lathe {

enum class Activation { kSilu, kGeluTanh };

enum class RopeScalingKind { kNone, kLinear, kLlama3, kYarn };

// Rotary position embedding (Su et al. 2021) and its extensions to longer contexts:
// linear interpolation (Chen et al. 2023), Llama 3.1's by-parts rule, YaRN (Peng et al. 2023).
struct RopeConfig {
  double theta = 10000.0;
  RopeScalingKind scaling = RopeScalingKind::kNone;
  double factor = 1.0;
  std::int64_t original_max_position = 0;  // llama3, yarn
  double low_freq_factor = 1.0;            // llama3
  double high_freq_factor = 4.0;           // llama3
  double beta_fast = 32.0;                 // yarn
  double beta_slow = 1.0;                  // yarn
  double attention_factor = 0.0;           // yarn; 0: 0.1·ln(factor) + 1
  bool truncate = true;                    // yarn: the ramp's ends are whole dimensions
  // Divisors of the head_dim / 2 frequencies, for files that carry them ready-made (GGUF's
  // rope_freqs.weight) instead of the parameters of a rule; empty: none.
  std::vector<float> frequency_factors;
};

struct ModelConfig {
  std::string family;  // Hugging Face's model_type: "llama", "mistral", "qwen2", "qwen3"
  std::string name;    // for people; may be empty

  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;  // need not be hidden_size / num_heads
  std::int64_t max_position = 0;
  std::int64_t sliding_window = 0;  // positions that a token sees, itself included; 0: all
  // Which layers the window holds for (one entry per layer; empty: all of them).
  std::vector<std::uint8_t> windowed_layers;
  double rms_norm_eps = 1e-5;
  Activation activation = Activation::kSilu;
  RopeConfig rope;

  bool tie_word_embeddings = false;
  bool qkv_bias = false;
  bool attention_output_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;  // RMS norm over each head of q and k (Qwen3)

  // Token ids that generation needs; -1 or empty when the model names none.
  std::int64_t bos_token = -1;
  std::vector<std::int64_t> eos_tokens;  // any of them ends a text
  std::int64_t pad_token = -1;

  // Positions that layer `layer` sees; 0: all.
  std::int64_t window(std::int64_t layer) const noexcept {
    if (windowed_layers.empty()) return sliding_window;
    return windowed_layers[static_cast<std::size_t>(layer)] != 0 ? sliding_window : 0;
  }
};

// Throws Error(kInvalid), with `file` in the message, unless every field is in its range and
// they fit each other (heads divide, sizes positive and not absurd, rope parameters finite).
LATHE_API void validate(const ModelConfig& config, const std::string& file);

}  // namespace lathe
