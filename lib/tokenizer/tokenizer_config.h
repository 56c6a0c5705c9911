// What tokenizer_config.json and special_tokens_map.json say, as far as ids depend on it.
// Errors: kInvalid.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lathe/tokenizer.h"

#include "tokenizer/added_tokens.h"

namespace lathe {

struct TokenizerConfig {
  std::string tokenizer_class;
  std::optional<bool> add_bos, add_eos;
  std::optional<bool> legacy;  // Llama: a space mark after every control token
  std::optional<bool> add_prefix_space;
  std::optional<std::string> bos, eos, unknown, pad;
  std::string chat_template;
  std::vector<AddedToken> added_tokens;  // added_tokens_decoder, in order of their ids

  // What GGUF holds and Hugging Face's files have no place for (to_hugging_face wrote it).
  std::string gguf_pre;
  std::vector<std::pair<TokenId, int>> gguf_types;
  std::vector<float> gguf_scores;
  std::int64_t gguf_eot = -1;
};

TokenizerConfig parse_tokenizer_config(const TokenizerFiles& files);

}  // namespace lathe
