#include "checkpoint/family.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

#include "base/widen_float.h"

namespace lathe {
namespace {

// Norms around both blocks, the second of which the table of tensors calls as others call the
// one before the feed-forward part.
constexpr std::array<TensorNames, 3> kNormsAround = {{
    {TensorRole::kAttentionPostNorm, "post_attention_layernorm"},
    {TensorRole::kMlpNorm, "pre_feedforward_layernorm"},
    {TensorRole::kMlpPostNorm, "post_feedforward_layernorm"},
}};

constexpr std::array<TensorNames, 2> kNormsAfter = {{
    {TensorRole::kAttentionPostNorm, "post_attention_layernorm"},
    {TensorRole::kMlpPostNorm, "post_feedforward_layernorm"},
}};

constexpr std::array<TensorNames, 2> kGlmNorms = {{
    {TensorRole::kAttentionPostNorm, "post_self_attn_layernorm"},
    {TensorRole::kMlpPostNorm, "post_mlp_layernorm"},
}};

constexpr std::array<TensorNames, 2> kHunyuanNorms = {{
    {TensorRole::kQueryNorm, "self_attn.query_layernorm"},
    {TensorRole::kKeyNorm, "self_attn.key_layernorm"},
}};

constexpr std::array<TensorNames, 1> kSeedNorms = {{
    {TensorRole::kMlpNorm, "", "post_attention_norm"},
}};

constexpr std::array<TensorNames, 4> kMixtralNames = {{
    {TensorRole::kRouter, "block_sparse_moe.gate"},
    {TensorRole::kGate, "block_sparse_moe.experts.*.w1", "", true},
    {TensorRole::kUp, "block_sparse_moe.experts.*.w3", "", true},
    {TensorRole::kDown, "block_sparse_moe.experts.*.w2", "", true},
}};

constexpr std::array<TensorNames, 2> kGraniteMoeNames = {{
    {TensorRole::kRouter, "block_sparse_moe.router.layer"},
    {TensorRole::kDown, "block_sparse_moe.output_linear", "", true},
}};

constexpr std::array<TensorNames, 3> kGraniteMoeSharedNames = {{
    kGraniteMoeNames[0],
    kGraniteMoeNames[1],
    {TensorRole::kSharedDown, "shared_mlp.output_linear"},
}};

constexpr std::array<TensorNames, 4> kErnieMoeNames = {{
    {TensorRole::kSelectionBias, "mlp.moe_statics.e_score_correction_bias", "", false, true},
    {TensorRole::kSharedGate, "mlp.shared_experts.gate_proj"},
    {TensorRole::kSharedUp, "mlp.shared_experts.up_proj"},
    {TensorRole::kSharedDown, "mlp.shared_experts.down_proj"},
}};

constexpr std::array<TensorNames, 6> kHunyuanMoeNames = {{
    {TensorRole::kQueryNorm, "self_attn.query_layernorm"},
    {TensorRole::kKeyNorm, "self_attn.key_layernorm"},
    {TensorRole::kRouter, "mlp.gate.wg"},
    {TensorRole::kSharedGate, "mlp.shared_mlp.gate_proj"},
    {TensorRole::kSharedUp, "mlp.shared_mlp.up_proj"},
    {TensorRole::kSharedDown, "mlp.shared_mlp.down_proj"},
}};

constexpr std::array<TensorNames, 3> kGptOssNames = {{
    {TensorRole::kSinks, "self_attn.sinks", "", false, true},
    {TensorRole::kMlpNorm, "", "post_attention_norm"},
    {TensorRole::kRouter, "mlp.router"},
}};

constexpr std::array<std::string_view, 4> kGptOssUnquantized = {
    "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"};

constexpr std::array<std::int64_t, 2> kGlmEnds = {151336, 151338};

// What the published configurations say besides.
constexpr FixedKey kHunyuanKeys[] = {
    {"use_qk_norm", "true"},
    {"use_cla", "false"},
    {"use_rotary_pos_emb", "true"},
    {"norm_type", "\"rms\""},
    {"num_experts", "1"},
    {"add_classification_head", "false"},
    {"attention_head_dim"},
    {"cla_share_factor"},
    {"dense_list"},
    {"class_num"},
    {"pool_type"},
    {"enable_lm_head_fp32"},
    {"eod_token_id"},
    {"im_end_id"},
    {"im_newline_id"},
    {"im_start_id"},
    {"mask_init_id"},
    {"org_vocab_size"},
    {"pad_id"},
    {"text_end_id"},
    {"text_start_id"},
    {"moe_topk", "1"},
    {"num_shared_expert", "1"},
};

constexpr FixedKey kHunyuanMoeKeys[] = {
    {"use_qk_norm", "true"},
    {"use_cla", "false"},
    {"use_rotary_pos_emb", "true"},
    {"norm_type", "\"rms\""},
    {"add_classification_head", "false"},
    {"norm_topk_prob", "true"},
    {"routed_scaling_factor", "1.0"},
    {"use_mla", "false"},
    {"use_mixed_mlp_moe", "true"},
    {"moe_layer_num_skipped", "0"},
    {"group_limited_greedy", "false"},
    {"attention_head_dim"},
    {"cla_share_factor"},
    {"dense_list"},
    {"class_num"},
    {"pool_type"},
    {"enable_lm_head_fp32"},
    {"eod_token_id"},
    {"im_end_id"},
    {"im_newline_id"},
    {"im_start_id"},
    {"mask_init_id"},
    {"org_vocab_size"},
    {"pad_id"},
    {"text_end_id"},
    {"text_start_id"},
    {"moe_drop_tokens"},
    {"moe_random_routing_dropped_token"},
    {"capacity_factor"},
    {"n_group"},
    {"topk_group"},
    {"kv_lora_rank"},
    {"q_lora_rank"},
    {"qk_nope_head_dim"},
    {"qk_rope_head_dim"},
    {"v_head_dim"},
    {"video_start_id"},
    {"video_end_id"},
};

constexpr FixedKey kErnieMoeKeys[] = {
    {"moe_norm_min"},
    {"moe_capacity"},
    {"moe_use_aux_free", "true"},
    {"moe_gate", "\"topk\""},
    {"num_nextn_predict_layers"},
    {"moe_gate_act", "\"softmax\""},
    {"use_rmsnorm", "true"},
};

constexpr FixedKey kGptOssKeys[] = {
    {"hidden_act", "\"silu\""}, {"swiglu_limit", "7.0"},    {"swiglu_alpha", "1.702"},
    {"experts_per_token"},      {"initial_context_length"}, {"quantization_config"},
};

constexpr FixedKey kMixtralKeys[] = {{"router_jitter_noise"}};

constexpr FixedKey kMiniCpmKeys[] = {{"mup_denominator"}, {"rope_type"}};

// Defaults are those of the classes' definitions in transformers 5.
constexpr std::array<Family, 28> kFamilies = {{
    {.type = "llama",
     .architecture = "LlamaForCausalLM",
     .gguf = "llama",
     .gguf_interleaved = true,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .mlp_bias_key = "mlp_bias",
     .max_position = 2048,
     .bos = 1,
     .eos = 2,
     .gguf_rope_factors = true,
     .gguf_all_biases = true},
    {.type = "mistral",
     .architecture = "MistralForCausalLM",
     .gguf = "llama",
     .gguf_interleaved = true,
     .window = WindowRule::kAlways,
     .max_position = 131072,
     .kv_heads = 8,
     .bos = 1,
     .eos = 2,
     .gguf_if_windowed = true,
     .gguf_rope_factors = true,
     .gguf_all_biases = true},
    {.type = "qwen2",
     .architecture = "Qwen2ForCausalLM",
     .gguf = "qwen2",
     .qkv_bias = true,
     .window = WindowRule::kOptional,
     .max_position = 32768,
     .kv_heads = 32},
    {.type = "qwen3",
     .architecture = "Qwen3ForCausalLM",
     .gguf = "qwen3",
     .also_type = "qwen3_vl_text",
     .also_gguf = "qwen3vl",
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .qk_norm = QkNorm::kPerHead,
     .window = WindowRule::kOptional,
     .max_position = 32768,
     .kv_heads = 32,
     .head_dim = 128},
    {.type = "gemma2",
     .architecture = "Gemma2ForCausalLM",
     .gguf = "gemma2",
     .names = kNormsAround,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .norms = NormPlace::kAround,
     .hf_norms_less_one = true,
     .embedding_by_root = true,
     .window = WindowRule::kPattern,
     .window_period = 2,
     .query_scalar = 256,
     .soft_caps = true,
     .activation_key = "hidden_activation",
     .activation = Activation::kGeluTanh,
     .attention_cap = 50.0,
     .logit_cap = 30.0,
     .tied = true,
     .vocab_size = 256000,
     .heads = 8,
     .max_position = 8192,
     .kv_heads = 4,
     .head_dim = 256,
     .bos = 2,
     .eos = 1,
     .pad = 0,
     .gguf_wide_scalar_layers = 46},
    {.type = "gemma3_text",
     .architecture = "Gemma3ForCausalLM",
     .gguf = "gemma3",
     .also_type = "gemma3",
     .names = kNormsAround,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .qk_norm = QkNorm::kPerHead,
     .norms = NormPlace::kAround,
     .hf_norms_less_one = true,
     .embedding_by_root = true,
     .window = WindowRule::kPattern,
     .window_period = 6,
     .local_theta = 10000.0,
     .query_scalar = 256,
     .soft_caps = true,
     .activation_key = "hidden_activation",
     .activation = Activation::kGeluTanh,
     .theta = 1000000.0,
     .tied = true,
     .vocab_size = 262208,
     .heads = 8,
     .max_position = 131072,
     .kv_heads = 4,
     .head_dim = 256,
     .bos = 2,
     .eos = 1,
     .pad = 0,
     .gguf_wide_scalar_layers = 62},
    {.type = "granite",
     .architecture = "GraniteForCausalLM",
     .gguf = "granite",
     .gguf_interleaved = true,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .mlp_bias_key = "mlp_bias",
     .multipliers = Multipliers::kGranite,
     .max_position = 2048,
     .bos = 1,
     .eos = 2},
    {.type = "olmo2",
     .architecture = "Olmo2ForCausalLM",
     .gguf = "olmo2",
     .names = kNormsAfter,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .qk_norm = QkNorm::kWhole,
     .norms = NormPlace::kAfter,
     .eps = 1e-5,
     .max_position = 2048,
     .eos = 50279,
     .pad = 1},
    {.type = "smollm3",
     .architecture = "SmolLM3ForCausalLM",
     .gguf = "smollm3",
     .gguf_interleaved = true,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .mlp_bias_key = "mlp_bias",
     .window = WindowRule::kOptional,
     .no_rope_period = 4,
     .theta = 2000000.0,
     .tied = true,
     .max_position = 32768,
     .kv_heads = 4,
     .bos = 128000,
     .eos = 128001,
     .pad = 128004},
    {.type = "phi3",
     .architecture = "Phi3ForCausalLM",
     .gguf = "phi3",
     .fused_qkv = {TensorRole::kQuery, "self_attn.qkv_proj", "attn_qkv"},
     .fused_gate_up = {TensorRole::kGate, "mlp.gate_up_proj", "ffn_up"},
     .window = WindowRule::kAlways,
     .partial_rotary = true,
     .eps = 1e-5,
     .max_position = 4096,
     .window_size = 0,
     .bos = 1,
     .eos = 32000,
     .pad = 32000},
    {.type = "olmo3",
     .architecture = "Olmo3ForCausalLM",
     .gguf = "olmo2",
     .names = kNormsAfter,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .qk_norm = QkNorm::kWhole,
     .norms = NormPlace::kAfter,
     .window = WindowRule::kPattern,
     .window_period = 4,
     .local_unscaled = true,
     .theta = 500000.0,
     .eps = 1e-5,
     .max_position = 2048,
     .eos = 50279,
     .pad = 1,
     .gguf_if_windowed = true},
    {.type = "ministral3",
     .architecture = "Ministral3ForCausalLM",
     .gguf = "mistral3",
     .gguf_interleaved = true,
     .window = WindowRule::kAlways,
     .query_temperature = true,
     .theta = 1000000.0,
     .eps = 1e-5,
     .max_position = 262144,
     .window_size = 0,
     .kv_heads = 8,
     .head_dim = 128,
     .bos = 1,
     .eos = 2,
     .pad = 11,
     .gguf_all_biases = true},
    {.type = "glm4",
     .architecture = "Glm4ForCausalLM",
     .gguf = "glm4",
     .names = kGlmNorms,
     .fused_gate_up = {TensorRole::kGate, "mlp.gate_up_proj", "ffn_up"},
     .hf_interleaved = true,
     .gguf_interleaved = true,
     .qkv_bias_key = "attention_bias",
     .qkv_bias = true,
     .norms = NormPlace::kAround,
     .partial_rotary = true,
     .rotary_share = 0.5,
     .eps = 1.5625e-07,
     .max_position = 131072,
     .kv_heads = 2,
     .head_dim = 128,
     .eos = 151329,
     .pad = 151329,
     .more_eos = kGlmEnds},
    {.type = "exaone4",
     .architecture = "Exaone4ForCausalLM",
     .gguf = "exaone4",
     .names = kNormsAfter,
     .qk_norm = QkNorm::kPerHead,
     .norms = NormPlace::kAfter,
     .window = WindowRule::kPattern,
     .window_period = 4,
     .only_local_turns = true,
     .eps = 1e-5,
     .max_position = 2048,
     .kv_heads = 32,
     .bos = 0,
     .eos = 2,
     .gguf_rope_factors = true},
    {.type = "hunyuan_v1_dense",
     .architecture = "HunYuanDenseV1ForCausalLM",
     .gguf = "hunyuan-dense",
     .names = kHunyuanNorms,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .mlp_bias_key = "mlp_bias",
     .qk_norm = QkNorm::kPerHead,
     .norm_turned = true,
     .rope_alpha = true,
     .fixed_keys = kHunyuanKeys,
     .eps = 1e-5,
     .max_position = 2048,
     .bos = 1,
     .eos = 2,
     .pad = 0},
    {.type = "minicpm",
     .architecture = "MiniCPMForCausalLM",
     .gguf = "minicpm",
     .gguf_interleaved = true,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .multipliers = Multipliers::kMiniCpm,
     .fixed_keys = kMiniCpmKeys,
     .tied = true,
     .max_position = 2048,
     .bos = 1,
     .eos = 2,
     .gguf_rope_factors = true,
     .gguf_all_biases = true},
    {.type = "ernie4_5",
     .architecture = "Ernie4_5ForCausalLM",
     .gguf = "ernie4_5",
     .hf_interleaved = true,
     .gguf_interleaved = true,
     .qkv_bias_key = "use_bias",
     .output_bias_key = "use_bias",
     .mlp_bias_key = "use_bias",
     .theta = 500000.0,
     .eps = 1e-5,
     .tied = true,
     .max_position = 131072,
     .kv_heads = 2,
     .head_dim = 128,
     .bos = 1,
     .eos = 2,
     .pad = 0},
    {.type = "seed_oss",
     .architecture = "SeedOssForCausalLM",
     .gguf = "seed_oss",
     .names = kSeedNorms,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_out_bias",
     .mlp_bias_key = "mlp_bias",
     .qkv_bias = true,
     .max_position = 524288,
     .kv_heads = 8,
     .head_dim = 128,
     .bos = 0,
     .eos = 2,
     .pad = 1},
    {.type = "arcee",
     .architecture = "ArceeForCausalLM",
     .gguf = "arcee",
     .gguf_interleaved = true,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .mlp_bias_key = "mlp_bias",
     .gated = false,
     .activation = Activation::kRelu2,
     .eps = 1e-5,
     .max_position = 4096,
     .bos = 128000,
     .eos = 128001,
     .gguf_rope_factors = true},
    {.type = "mixtral",
     .architecture = "MixtralForCausalLM",
     .gguf = "llama",
     .names = kMixtralNames,
     .gguf_interleaved = true,
     .window = WindowRule::kAlways,
     .fixed_keys = kMixtralKeys,
     .experts = {.count_key = "num_local_experts",
                 .count = 8,
                 .used = 2,
                 .width_key = "intermediate_size"},
     .eps = 1e-5,
     .max_position = 131072,
     .window_size = 0,
     .kv_heads = 8,
     .bos = 1,
     .eos = 2,
     .gguf_rope_factors = true},
    {.type = "qwen2_moe",
     .architecture = "Qwen2MoeForCausalLM",
     .gguf = "qwen2moe",
     .qkv_bias_key = "qkv_bias",
     .qkv_bias = true,
     .window = WindowRule::kOptional,
     .experts = {.count_key = "num_experts",
                 .count = 60,
                 .used = 4,
                 .width = 1408,
                 .layers = ExpertLayers::kSparseStep,
                 .normalized_key = true,
                 .gguf_normalized = false,
                 .shared_width_key = "shared_expert_intermediate_size",
                 .shared = 5632,
                 .shared_gated = true},
     .max_position = 32768,
     .kv_heads = 16},
    {.type = "qwen3_moe",
     .architecture = "Qwen3MoeForCausalLM",
     .gguf = "qwen3moe",
     .also_type = "qwen3_vl_moe_text",
     .also_gguf = "qwen3vlmoe",
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .qk_norm = QkNorm::kPerHead,
     .window = WindowRule::kOptional,
     .experts = {.count_key = "num_experts",
                 .count = 128,
                 .used = 8,
                 .width = 768,
                 .layers = ExpertLayers::kSparseStep,
                 .normalized_key = true},
     .max_position = 32768,
     .kv_heads = 4},
    {.type = "granitemoe",
     .architecture = "GraniteMoeForCausalLM",
     .gguf = "granitemoe",
     .names = kGraniteMoeNames,
     .fused_expert_gate_up = {TensorRole::kGate, "block_sparse_moe.input_linear"},
     .gguf_interleaved = true,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .multipliers = Multipliers::kGranite,
     .experts = {.count_key = "num_local_experts",
                 .count = 8,
                 .used = 2,
                 .width_key = "intermediate_size"},
     .max_position = 2048,
     .bos = 1,
     .eos = 2},
    {.type = "granitemoeshared",
     .architecture = "GraniteMoeSharedForCausalLM",
     .gguf = "granitemoe",
     .names = kGraniteMoeSharedNames,
     .fused_expert_gate_up = {TensorRole::kGate, "block_sparse_moe.input_linear"},
     .fused_shared_gate_up = {TensorRole::kSharedGate, "shared_mlp.input_linear"},
     .gguf_interleaved = true,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .multipliers = Multipliers::kGranite,
     .experts = {.count_key = "num_local_experts",
                 .count = 8,
                 .used = 2,
                 .width_key = "intermediate_size",
                 .shared_width_key = "shared_intermediate_size"},
     .max_position = 2048,
     .bos = 1,
     .eos = 2,
     .gguf_if_shared = true},
    {.type = "olmoe",
     .architecture = "OlmoeForCausalLM",
     .gguf = "olmoe",
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .qk_norm = QkNorm::kWhole,
     .experts = {.count_key = "num_experts",
                 .count = 64,
                 .used = 8,
                 .width_key = "intermediate_size",
                 .normalized_key = true,
                 .gguf_normalized = false},
     .eps = 1e-5,
     .max_position = 4096,
     .eos = 50279,
     .pad = 1},
    {.type = "ernie4_5_moe",
     .architecture = "Ernie4_5_MoeForCausalLM",
     .gguf = "ernie4_5-moe",
     .names = kErnieMoeNames,
     .hf_interleaved = true,
     .gguf_interleaved = true,
     .qkv_bias_key = "use_bias",
     .output_bias_key = "use_bias",
     .mlp_bias_key = "use_bias",
     .fixed_keys = kErnieMoeKeys,
     .experts = {.count_key = "moe_num_experts",
                 .used_key = "moe_k",
                 .count = 64,
                 .used = 6,
                 .width = 1536,
                 .layers = ExpertLayers::kInterval,
                 .selection_bias = true,
                 .shared_count_key = "moe_num_shared_experts",
                 .shared = 2},
     .theta = 500000.0,
     .eps = 1e-5,
     .tied = true,
     .max_position = 131072,
     .kv_heads = 4,
     .bos = 1,
     .eos = 2,
     .pad = 0},
    {.type = "hunyuan_v1_moe",
     .architecture = "HunYuanMoEV1ForCausalLM",
     .gguf = "hunyuan-moe",
     .names = kHunyuanMoeNames,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .qk_norm = QkNorm::kPerHead,
     .norm_turned = true,
     .rope_alpha = true,
     .fixed_keys = kHunyuanMoeKeys,
     .experts = {.count_key = "num_experts",
                 .used_key = "moe_topk",
                 .count = 1,
                 .used = 1,
                 .shared_count_key = "num_shared_expert",
                 .shared = 1},
     .eps = 1e-5,
     .max_position = 2048,
     .bos = 1,
     .eos = 2,
     .pad = 0},
    {.type = "gpt_oss",
     .architecture = "GptOssForCausalLM",
     .gguf = "gpt-oss",
     .names = kGptOssNames,
     .qkv_bias_key = "attention_bias",
     .output_bias_key = "attention_bias",
     .qkv_bias = true,
     .mlp_bias = true,
     .sinks = true,
     .hf_mxfp4 = true,
     .hf_unquantized = kGptOssUnquantized,
     .window = WindowRule::kPattern,
     .window_period = 2,
     .fixed_keys = kGptOssKeys,
     .experts = {.count_key = "num_local_experts",
                 .count = 128,
                 .used = 4,
                 .width_key = "intermediate_size",
                 .router_bias = true},
     .activation = Activation::kClampedSwiglu,
     .theta = 150000.0,
     .eps = 1e-5,
     .max_position = 131072,
     .window_size = 128,
     .kv_heads = 8,
     .head_dim = 64,
     .gguf_truncates = false,
     .gguf_all_biases = true},
}};

template <typename Key>
const Family* find(Key key, std::string_view value) noexcept {
  for (const Family& family : kFamilies) {
    if (family.*key == value) return &family;
  }
  return nullptr;
}

// Each name once.
template <typename Key>
std::string list(Key key) {
  std::string out;
  for (auto family = kFamilies.begin(); family != kFamilies.end(); ++family) {
    const std::string_view name = (*family).*key;
    const bool seen = std::any_of(kFamilies.begin(), family,
                                  [&](const Family& earlier) { return earlier.*key == name; });
    if (!seen) out += fmt::format("{}{}", out.empty() ? "" : ", ", name);
  }
  return out;
}

}  // namespace

const Family* family_by_type(std::string_view type) noexcept {
  if (type.empty()) return nullptr;
  const Family* family = find(&Family::type, type);
  return family != nullptr ? family : find(&Family::also_type, type);
}

const Family* family_by_architecture(std::string_view architecture) noexcept {
  return find(&Family::architecture, architecture);
}

const Family* family_by_gguf(std::string_view architecture, const GgufTraits& traits) noexcept {
  const Family* of_that_name = nullptr;
  for (const Family& family : kFamilies) {
    if (family.gguf != architecture || bool(family.experts) != traits.experts) continue;
    if (family.gguf_if_windowed == traits.windowed && family.gguf_if_shared == traits.shared) {
      return &family;
    }
    if (of_that_name == nullptr) of_that_name = &family;
  }
  if (of_that_name != nullptr || architecture.empty()) return of_that_name;
  const Family* family = find(&Family::gguf, architecture);
  return family != nullptr ? family : find(&Family::also_gguf, architecture);
}

void apply_family(const Family& family, ModelConfig& config) {
  if (family.embedding_by_root) {
    config.embedding_scale = std::sqrt(static_cast<double>(config.hidden_size));
  }
  for (LayerConfig& layer : config.layers) {
    layer.norms = family.norms;
    layer.attention.qk_norm = family.qk_norm;
    layer.attention.norm_turned = family.norm_turned;
    layer.attention.sinks = family.sinks;
    layer.mlp.gated = family.gated;
  }
}

RopeConfig plain_rope(double theta) {
  RopeConfig rope;
  rope.theta = theta;
  return rope;
}

double stretched_theta(double theta, double alpha, std::int64_t head_dim) {
  const auto d = static_cast<double>(head_dim);
  // As a float: other files hold it as one.
  const double stretched = theta * std::pow(alpha, d / (d - 2.0));
  return widen_float(static_cast<double>(static_cast<float>(stretched)));
}

std::string_view activation_name(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return "silu";
    case Activation::kGeluTanh:
      return "gelu_pytorch_tanh";
    case Activation::kRelu2:
      return "relu2";
    case Activation::kClampedSwiglu:
      return "silu";  // what its family's files say
  }
  return "";
}

RopeConfig local_rope(const Family& family, const RopeConfig& rope, double theta) {
  if (family.local_unscaled) return plain_rope(rope.theta);
  return family.local_theta == 0.0 ? rope : plain_rope(theta);
}

double scale_of_query_scalar(double scalar, std::int64_t head_dim) {
  return scalar == static_cast<double>(head_dim) ? 0.0 : 1.0 / std::sqrt(scalar);
}

double query_scalar_of_scale(double scale, std::int64_t head_dim) {
  if (scale == 0.0) return static_cast<double>(head_dim);
  const double scalar = 1.0 / (scale * scale);
  const double whole = std::round(scalar);
  return std::abs(scalar - whole) < 1e-9 * whole ? whole : scalar;
}

void stop_turning(ModelConfig& config) {
  for (LayerConfig& layer : config.layers) {
    if (layer.attention.window == 0) layer.attention.rotary_dims = 0;
  }
}

void apply_gguf_rules(const Family& family, ModelConfig& config) {
  const std::int64_t period = family.no_rope_period;
  for (std::int64_t layer = period - 1; period > 0 && layer < config.num_layers();
       layer += period) {
    config.layers[static_cast<std::size_t>(layer)].attention.rotary_dims = 0;
  }
  for (LayerConfig& layer : config.layers) {
    RopeConfig& rope = layer.attention.rope;
    if (rope.scaling == RopeScalingKind::kYarn) rope.truncate = family.gguf_truncates;
  }
  if (family.query_scalar == 0) return;
  for (LayerConfig& layer : config.layers) {
    AttentionConfig& a = layer.attention;
    const bool wide = config.num_layers() == family.gguf_wide_scalar_layers;
    const std::int64_t scalar = wide ? config.hidden_size / a.heads : a.head_dim;
    a.scale = scale_of_query_scalar(static_cast<double>(scalar), a.head_dim);
  }
}

std::string supported_types() { return list(&Family::type); }
std::string supported_gguf() { return list(&Family::gguf); }

}  // namespace lathe
