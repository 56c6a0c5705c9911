// Names of GGUF's metadata keys that reading (config_gguf.cc) and writing (convert/) must agree on.
#pragma once

namespace lathe::gguf_keys {

// Of the vocabulary and its special tokens.
inline constexpr const char* kTokenizerModel = "tokenizer.ggml.model";
inline constexpr const char* kTokenizerPre = "tokenizer.ggml.pre";
inline constexpr const char* kTokens = "tokenizer.ggml.tokens";
inline constexpr const char* kScores = "tokenizer.ggml.scores";
inline constexpr const char* kTokenTypes = "tokenizer.ggml.token_type";
inline constexpr const char* kMerges = "tokenizer.ggml.merges";
inline constexpr const char* kBos = "tokenizer.ggml.bos_token_id";
inline constexpr const char* kEos = "tokenizer.ggml.eos_token_id";
inline constexpr const char* kEot = "tokenizer.ggml.eot_token_id";
inline constexpr const char* kEom = "tokenizer.ggml.eom_token_id";
inline constexpr const char* kUnknown = "tokenizer.ggml.unknown_token_id";
inline constexpr const char* kPadding = "tokenizer.ggml.padding_token_id";
inline constexpr const char* kAddBos = "tokenizer.ggml.add_bos_token";
inline constexpr const char* kAddEos = "tokenizer.ggml.add_eos_token";
inline constexpr const char* kAddSpacePrefix = "tokenizer.ggml.add_space_prefix";
inline constexpr const char* kChatTemplate = "tokenizer.chat_template";
inline constexpr const char* kChatTemplateNames = "tokenizer.chat_templates";

// After "<architecture>.".
inline constexpr const char* kAttentionCap = "attn_logit_softcapping";
inline constexpr const char* kLogitCap = "final_logit_softcapping";
inline constexpr const char* kAttentionScale = "attention.scale";
inline constexpr const char* kTemperature = "attention.temperature_scale";
inline constexpr const char* kEmbeddingScale = "embedding_scale";
inline constexpr const char* kResidualScale = "residual_scale";
inline constexpr const char* kLogitDivisor = "logit_scale";

// Keys of our own, which other readers skip: what GGUF has no key for.
inline constexpr const char* kModelType = "lathe.model_type";
inline constexpr const char* kEosTokens = "lathe.eos_token_ids";
inline constexpr const char* kVectorTypes = "lathe.vector_types";
inline constexpr const char* kRopeOriginal = "lathe.rope.original_context_length";
inline constexpr const char* kRopeLow = "lathe.rope.low_freq_factor";
inline constexpr const char* kRopeHigh = "lathe.rope.high_freq_factor";
inline constexpr const char* kNoDefaultIds = "lathe.tokenizer.no_default_ids";
inline constexpr const char* kSpacePrefix = "lathe.tokenizer.space_prefix";
inline constexpr const char* kGenerationConfig = "lathe.generation_config";
// How quantized weights were made (quant/recipe.h), and XXH3-64 of what they were made of.
inline constexpr const char* kRecipe = "lathe.recipe";
inline constexpr const char* kSourceHash = "lathe.source.xxh3";

}  // namespace lathe::gguf_keys
