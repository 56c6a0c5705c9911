// The model families that this project knows, as a table: what differs between them in the
// files. Everything here is a fact of Hugging Face's configuration classes (defaults of absent
// keys, which biases exist) or of GGUF's conventions; the forward pass sees only ModelConfig.
//
// A new family is a row here: names of tensors where they differ from the table of
// model_tensors.cc, and flags. What it computes that no other does goes into ModelConfig.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lathe/checkpoint_parts.h"
#include "lathe/model_config.h"

namespace lathe {

// A key of config.json that says what the family does anyhow, or whose value changes nothing.
struct FixedKey {
  std::string_view key = {};
  std::string_view value = {};  // as JSON; empty: any
};

// What scales of embedding, residuals and logits a family has, and in which words.
enum class Multipliers {
  kNone,
  // "embedding_multiplier", "residual_multiplier", "attention_multiplier" (the scale of attention)
  // and "logits_scaling" (a divisor), each 1 where it is absent
  kGranite,
  // "scale_emb", "scale_depth" (residuals': over the root of the number of layers),
  // "dim_model_base" (logits' divisor: hidden_size over it), each 1 where it is absent
  kMiniCpm,
};

// Which layers have experts.
enum class ExpertLayers {
  kAll,
  // all but those of "mlp_only_layers", and of "decoder_sparse_step" layers the last
  kSparseStep,
  // from "moe_layer_start_index" to "moe_layer_end_index", of "moe_layer_interval" the last
  kInterval,
};

// What a family that mixes experts calls their sizes; those that are empty it has no key for.
struct ExpertRules {
  std::string_view count_key = {};  // empty: a family without experts
  std::string_view used_key = "num_experts_per_tok";
  std::int64_t count = 0;  // what absent keys mean
  std::int64_t used = 0;
  std::string_view width_key = "moe_intermediate_size";
  std::int64_t width = 0;  // 0: it must be there
  ExpertLayers layers = ExpertLayers::kAll;
  // "norm_topk_prob", false where it is absent; else the weights are normalized.
  bool normalized_key = false;
  bool gguf_normalized = true;  // what GGUF's readers take for granted
  bool selection_bias = false;
  bool router_bias = false;
  std::string_view shared_width_key = {};
  std::string_view shared_count_key = {};  // experts' widths that the shared one is wide
  std::int64_t shared = 0;                 // what an absent one of these means
  bool shared_gated = false;

  bool has_shared() const noexcept {
    return !shared_width_key.empty() || !shared_count_key.empty() || shared > 0;
  }
  explicit operator bool() const noexcept { return !count_key.empty(); }
};

// How config.json says that attention sees a window only.
enum class WindowRule {
  kNone,      // the family has none
  kAlways,    // "sliding_window", every layer
  kOptional,  // "sliding_window" counts when "use_sliding_window", from "max_window_layers" on
  kPattern,   // "sliding_window", by "layer_types" or "sliding_window_pattern"
};

// What a family's files call a tensor: what follows "model.layers.N." or "blk.N.", or the whole
// name, without ".weight". Empty: as the table of tensors has it. In an expert's name '*' stands
// for its number; without it one tensor holds those of all experts.
struct TensorNames {
  TensorRole role = TensorRole::kOther;
  std::string_view hugging_face = {};
  std::string_view gguf = {};
  bool experts = false;   // of experts
  bool hf_exact = false;  // Hugging Face's name has no ".weight"
};

struct Family {
  std::string_view type = {};          // config.json's model_type, ModelConfig::family
  std::string_view architecture = {};  // config.json's architectures[0]
  std::string_view gguf = {};          // GGUF's general.architecture
  // What else files of the same models say: of the text part of a model that sees, say.
  std::string_view also_type = {};
  std::string_view also_gguf = {};

  std::span<const TensorNames> names = {};  // that differ from the table's
  // Files hold q, k and v, or gate and up, as one matrix, rows after rows, under these names
  // (as TensorNames); empty: apart.
  TensorNames fused_qkv = {};
  TensorNames fused_gate_up = {};
  TensorNames fused_expert_gate_up = {};
  TensorNames fused_shared_gate_up = {};

  // Rows of q and k stand in the interleaved rotary order (pairs 2i, 2i + 1) in files of
  bool hf_interleaved = false;    // Hugging Face
  bool gguf_interleaved = false;  // GGUF
  // Keys that say whether there are biases of q, k and v, of o, and of the feed-forward part;
  // empty: none says so.
  std::string_view qkv_bias_key = {};
  std::string_view output_bias_key = {};
  std::string_view mlp_bias_key = {};
  bool qkv_bias = false;  // what an absent key of the first means, or the lack of one
  bool mlp_bias = false;  // the same of the last
  bool sinks = false;     // AttentionConfig::sinks
  // Folders hold experts as matrices turned, of gate and up the rows in turns, or as MXFP4.
  bool hf_mxfp4 = false;
  std::span<const std::string_view> hf_unquantized = {};  // what config.json says MXFP4 leaves out
  QkNorm qk_norm = QkNorm::kNone;
  bool norm_turned = false;  // queries and keys are normed after they turn
  NormPlace norms = NormPlace::kBefore;
  bool hf_norms_less_one = false;  // Hugging Face's files hold the weights of norms less one
  bool embedding_by_root = false;  // rows of the embedding are multiplied by √hidden_size
  WindowRule window = WindowRule::kNone;
  std::int64_t window_period = 0;  // kPattern: of so many layers the last sees everything
  // Layers with a window turn by a theta of their own ("rope_local_base_freq") and by no scaling;
  // the theta of an absent key, or 0: they turn as the others.
  double local_theta = 0.0;
  bool local_unscaled = false;    // layers with a window turn by the same theta and no scaling
  bool only_local_turns = false;  // where there is a window, layers without it do not turn
  // "query_pre_attn_scalar": attention's products are divided by its root. What an absent key
  // means, or 0: by head_dim's.
  std::int64_t query_scalar = 0;
  bool soft_caps = false;  // "attn_logit_softcapping", "final_logit_softcapping"
  std::string_view activation_key = "hidden_act";
  bool partial_rotary = false;  // "partial_rotary_factor": the share of a head that turns
  double rotary_share = 1.0;    // what an absent one means
  bool rope_alpha = false;      // rope scaling "dynamic" with "alpha", which stretches theta
  // "llama_4_scaling_beta" beside the rope scaling: AttentionConfig::temperature, whose span is
  // the original length.
  bool query_temperature = false;
  Multipliers multipliers = Multipliers::kNone;
  // "no_rope_layers" and "no_rope_layer_interval": of so many layers the last does not turn; what
  // absent keys mean, and GGUF's readers take for granted. 0: all turn.
  std::int64_t no_rope_period = 0;

  std::span<const FixedKey> fixed_keys = {};
  ExpertRules experts = {};
  bool gated = true;  // the feed-forward part

  // What an absent key of config.json means.
  Activation activation = Activation::kSilu;
  double attention_cap = 0.0;
  double logit_cap = 0.0;
  double theta = 10000.0;
  double eps = 1e-6;
  bool tied = false;
  std::int64_t vocab_size = 0;  // 0: it must be there
  std::int64_t heads = 0;       // the same
  std::int64_t max_position = 0;
  std::int64_t window_size = 4096;
  std::int64_t kv_heads = 0;  // 0: as many as heads
  std::int64_t head_dim = 0;  // 0: hidden_size / heads
  std::int64_t bos = -1;
  std::int64_t eos = -1;
  std::int64_t pad = -1;
  std::span<const std::int64_t> more_eos = {};  // besides `eos`

  // Among the families that share GGUF's name it is the one that has a window.
  bool gguf_if_windowed = false;
  bool gguf_if_shared = false;  // the one that has shared experts
  // What GGUF's readers know of this architecture: Llama 3's rotary factors, and biases of the
  // attention's output and of the feed-forward part.
  bool gguf_rope_factors = false;
  bool gguf_truncates = true;  // YaRN's ramp, of which its files say nothing
  bool gguf_all_biases = false;
  // GGUF has no key for query_scalar: it is head_dim, but hidden_size / heads in the model of so
  // many layers.
  std::int64_t gguf_wide_scalar_layers = 0;
};

// By model_type; nullptr when unknown.
const Family* family_by_type(std::string_view type) noexcept;
// By config.json's class name, for files without model_type.
const Family* family_by_architecture(std::string_view architecture) noexcept;
// What tells families apart that share GGUF's name.
struct GgufTraits {
  bool windowed = false;
  bool experts = false;
  bool shared = false;  // experts
};
// The family that GGUF's architecture stands for.
const Family* family_by_gguf(std::string_view architecture, const GgufTraits& traits) noexcept;

// What the family fixes, whatever its files say: puts it into the configuration, whose sizes,
// layers and windows are known.
void apply_family(const Family& family, ModelConfig& config);

// By theta and no scaling.
RopeConfig plain_rope(double theta);

// By theta stretched by alpha (NTK-aware): theta · alpha^(d / (d - 2)).
double stretched_theta(double theta, double alpha, std::int64_t head_dim);

// "silu", "gelu_pytorch_tanh", "relu2".
std::string_view activation_name(Activation activation);

// The rotation of the family's layers with a window, if those without turn by `rope`. `theta`: its
// own, where the family has such.
RopeConfig local_rope(const Family& family, const RopeConfig& rope, double theta);

// AttentionConfig::scale for a query_pre_attn_scalar, and back.
double scale_of_query_scalar(double scalar, std::int64_t head_dim);
double query_scalar_of_scale(double scale, std::int64_t head_dim);

// Layers without a window do not turn (Family::only_local_turns).
void stop_turning(ModelConfig& config);

// What GGUF's readers take for granted, and its files do not say.
void apply_gguf_rules(const Family& family, ModelConfig& config);

// "llama, mistral, ...", for messages: the families, and GGUF's names.
std::string supported_types();
std::string supported_gguf();

}  // namespace lathe
