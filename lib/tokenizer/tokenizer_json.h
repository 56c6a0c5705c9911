// tokenizer.json of Hugging Face's `tokenizers`, taken apart.
//
// The vocabulary and the merges (megabytes) go straight into vectors; the rest is a small
// document. Errors: kInvalid with the file and the place, kUnsupported for a model that is
// not BPE.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe/model.h"

namespace lathe {

struct TokenizerJson {
  nlohmann::json document;  // without model.vocab and model.merges
  BpeSpec model;            // added tokens not among the tokens yet
  std::vector<AddedToken> added;
};

TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& file);

// Reads added tokens and the model's options from `out.document`, once its tokens are there.
void read_tokenizer_document(const std::string& file, TokenizerJson& out);

}  // namespace lathe
