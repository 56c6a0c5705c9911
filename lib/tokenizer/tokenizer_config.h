// What the files beside a tokenizer say, as far as ids depend on it: tokenizer_config.json,
// special_tokens_map.json and added_tokens.json. Which of them counts follows transformers 5: the
// two others only where the first has no added_tokens_decoder. Errors: kInvalid.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "tokenizer/added_tokens.h"

namespace lathe {

struct TokenizerConfig {
  std::string tokenizer_class;
  std::optional<bool> add_bos, add_eos;
  std::optional<bool> legacy;  // Llama: a space mark after every control token
  std::optional<bool> add_prefix_space;
  std::optional<std::string> bos, eos, unknown, pad;
  std::string chat_template;             // the default one
  NamedTexts named_chat_templates;       // all others
  std::vector<AddedToken> added_tokens;  // those that have ids, in their order

  // Special tokens that are named without an id: those that no other place declares get the next
  // ids, in this order. The model's own ("image_token") come from an object, whose order is lost.
  std::vector<std::pair<std::string_view, AddedToken>> usual_tokens;  // by key: "bos_token"
  std::string map_file;                            // special_tokens_map.json, where it counts
  std::set<std::string, std::less<>> keys_of_map;  // what it says
  std::vector<AddedToken> own_tokens, listed_tokens;

  // What GGUF holds and Hugging Face's files have no place for (to_hugging_face wrote it).
  std::optional<std::string> gguf_pre;
  std::vector<std::pair<TokenId, int>> gguf_types;
  std::vector<float> gguf_scores;
  std::int64_t gguf_eot = -1;
  bool longest_first = false;     // added tokens are matched as GGUF's readers do
  std::string gguf_space_prefix;  // GgufVocabulary::space_prefix
};

// The usual ones by name, as named_tokens.h has them.
NamedTexts named_tokens(const TokenizerConfig& config);

TokenizerConfig parse_tokenizer_config(const TokenizerFiles& files);

}  // namespace lathe
