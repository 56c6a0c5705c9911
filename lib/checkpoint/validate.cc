// The range of every field of ModelConfig, and how they must fit each other. The upper bounds
// are far above any model that exists; they keep products of a hostile file inside int64.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "lathe/model_config.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::int64_t kMaxVocab = std::int64_t{1} << 24;
constexpr std::int64_t kMaxWidth = std::int64_t{1} << 20;
constexpr std::int64_t kMaxLayers = 4096;
constexpr std::int64_t kMaxExperts = 4096;
constexpr std::int64_t kMaxHeads = 8192;
constexpr std::int64_t kMaxHeadDim = 8192;
constexpr std::int64_t kPositionLimit = std::int64_t{1} << 31;

class Checker {
 public:
  explicit Checker(const std::string& file) : file_(file) {}

  void range(std::string_view field, std::int64_t value, std::int64_t least,
             std::int64_t most) const {
    if (value < least || value > most) {
      fail_invalid("{}: {} is {}, not in {} to {}", quoted(file_), field, value, least, most);
    }
  }

  // least < value <= most (or least <= value with `closed`); NaN and infinities never pass.
  void real(std::string_view field, double value, double least, double most,
            bool closed = false) const {
    const bool above = closed ? value >= least : value > least;
    if (!std::isfinite(value) || !above || value > most) {
      fail_invalid("{}: {} is {}, which is out of range (over {} up to {})", quoted(file_), field,
                   value, least, most);
    }
  }

  // A token id; -1 stands for "none".
  void token(std::string_view field, std::int64_t id, std::int64_t vocab) const {
    if (id < -1 || id >= vocab) {
      fail_invalid("{}: {} is {}, but the vocabulary has {} tokens", quoted(file_), field, id,
                   vocab);
    }
  }

  const std::string& file() const { return file_; }

 private:
  const std::string& file_;
};

void check_factors(const std::vector<float>& factors, std::int64_t dims, const Checker& check) {
  if (factors.size() != static_cast<std::size_t>(dims / 2)) {
    fail_invalid("{}: there are {} rotary frequency factors, but {} dimensions ask for {}",
                 quoted(check.file()), factors.size(), dims, dims / 2);
  }
  for (const float factor : factors) {
    check.real("rotary frequency factor", static_cast<double>(factor), 0.0, 1e9);
  }
}

// `dims`: how many dimensions of a head turn.
void check_rope(const RopeConfig& rope, std::int64_t dims, const Checker& check) {
  check.real("rope_theta", rope.theta, 0.0, 1e15);
  check.real("rope scaling factor", rope.factor, 0.0, 1e6);
  const bool has_original = rope.scaling == RopeScalingKind::kLlama3 ||
                            rope.scaling == RopeScalingKind::kYarn ||
                            rope.scaling == RopeScalingKind::kLongRope;
  if (has_original) {
    check.range("rope original_max_position_embeddings", rope.original_max_position, 1,
                kPositionLimit);
  }
  if (rope.scaling == RopeScalingKind::kLlama3) {
    check.real("rope low_freq_factor", rope.low_freq_factor, 0.0, 1e6);
    check.real("rope high_freq_factor", rope.high_freq_factor, rope.low_freq_factor, 1e6);
  }
  if (rope.scaling == RopeScalingKind::kYarn) {
    // The ramp divides by ln(theta).
    check.real("rope_theta", rope.theta, 1.0, 1e15);
    check.real("rope beta_fast", rope.beta_fast, 0.0, 1e6);
    check.real("rope beta_slow", rope.beta_slow, 0.0, 1e6);
    check.real("rope attention_factor", rope.attention_factor, 0.0, 1e6, true);
  }
  if (rope.scaling == RopeScalingKind::kLongRope) {
    // The usual attention factor divides by its logarithm.
    check.range("rope original_max_position_embeddings", rope.original_max_position, 2,
                kPositionLimit);
    check.real("rope attention_factor", rope.attention_factor, 0.0, 1e6, true);
    check_factors(rope.long_factors, dims, check);
    check_factors(rope.frequency_factors, dims, check);
  } else if (!rope.frequency_factors.empty()) {
    check_factors(rope.frequency_factors, dims, check);
  }
}

void check_attention(const AttentionConfig& a, const Checker& check) {
  check.range("num_attention_heads", a.heads, 1, kMaxHeads);
  check.range("num_key_value_heads", a.kv_heads, 1, a.heads);
  if (a.heads % a.kv_heads != 0) {
    fail_invalid("{}: {} attention heads cannot share {} key-value heads evenly",
                 quoted(check.file()), a.heads, a.kv_heads);
  }
  check.range("head_dim", a.head_dim, 2, kMaxHeadDim);
  if (a.head_dim % 2 != 0) {
    fail_invalid("{}: head_dim is {}; rotary positions need an even one", quoted(check.file()),
                 a.head_dim);
  }
  check.range("sliding_window", a.window, 0, kPositionLimit);
  check.range("the number of rotary dimensions", a.rotary_dims, 0, a.head_dim);
  if (a.rotary_dims % 2 != 0) {
    fail_invalid("{}: {} dimensions of a head cannot turn in pairs", quoted(check.file()),
                 a.rotary_dims);
  }
  check.real("the scale of attention", a.scale, 0.0, 1e6, true);
  check.real("the soft cap of attention", a.soft_cap, 0.0, 1e6, true);
  check.real("the temperature of attention", a.temperature, 0.0, 1e6, true);
  check.range("the span of the temperature of attention", a.temperature_span,
              a.temperature > 0.0 ? 1 : 0, kPositionLimit);
  if (a.rotary_dims > 0) check_rope(a.rope, a.rotary_dims, check);
}

void check_experts(const ExpertsConfig& experts, const Checker& check) {
  check.range("the number of experts", experts.count, 0, kMaxExperts);
  if (experts.count == 0) return;
  check.range("the number of experts of a token", experts.used, 1, experts.count);
  check.range("the width of the shared expert", experts.shared_width, 0, kMaxWidth * 4);
}

void check_layer(const LayerConfig& layer, const Checker& check) {
  check.range("intermediate_size", layer.mlp.width, 1, kMaxWidth * 4);
  check_experts(layer.experts, check);
  check_attention(layer.attention, check);
}

}  // namespace

void validate(const ModelConfig& config, const std::string& file) {
  const Checker check(file);
  check.range("vocab_size", config.vocab_size, 1, kMaxVocab);
  check.range("hidden_size", config.hidden_size, 1, kMaxWidth);
  check.range("num_hidden_layers", config.num_layers(), 1, kMaxLayers);
  check.range("max_position_embeddings", config.max_position, 1, kPositionLimit);
  check.real("rms_norm_eps", config.rms_norm_eps, 0.0, 1.0, true);
  check.real("the scale of the embedding", config.embedding_scale, 0.0, 1e6);
  check.real("the scale of residuals", config.residual_scale, 0.0, 1e6);
  check.real("the scale of logits", config.logit_scale, 0.0, 1e6);
  check.real("the soft cap of logits", config.logit_soft_cap, 0.0, 1e6, true);
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    if (i == 0 || config.layers[i] != config.layers[i - 1]) check_layer(config.layers[i], check);
  }
  check.token("bos_token_id", config.bos_token, config.vocab_size);
  check.token("pad_token_id", config.pad_token, config.vocab_size);
  for (const std::int64_t id : config.eos_tokens) {
    check.range("eos_token_id", id, 0, config.vocab_size - 1);
  }
}

}  // namespace lathe
