#include "checkpoint/family.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace lathe {
namespace {

// Defaults are those of the classes' definitions in transformers 5.
constexpr std::array<Family, 4> kFamilies = {{
    {.type = "llama",
     .architecture = "LlamaForCausalLM",
     .gguf = "llama",
     .gguf_interleaved = true,
     .has_attention_bias_key = true,
     .has_mlp_bias_key = true,
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
     .has_attention_bias_key = true,
     .qk_norm = QkNorm::kPerHead,
     .window = WindowRule::kOptional,
     .max_position = 32768,
     .kv_heads = 32,
     .head_dim = 128},
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

const Family* family_by_type(std::string_view type) noexcept { return find(&Family::type, type); }

const Family* family_by_architecture(std::string_view architecture) noexcept {
  return find(&Family::architecture, architecture);
}

const Family* family_by_gguf(std::string_view architecture, bool windowed) noexcept {
  const auto is_it = [=](const Family& f) {
    return f.gguf == architecture && f.gguf_if_windowed == windowed;
  };
  const auto found = std::find_if(kFamilies.begin(), kFamilies.end(), is_it);
  return found != kFamilies.end() ? &*found : find(&Family::gguf, architecture);
}

std::string supported_types() { return list(&Family::type); }
std::string supported_gguf() { return list(&Family::gguf); }

}  // namespace lathe
