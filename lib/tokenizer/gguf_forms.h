// Conversions between GGUF vocabularies and Hugging Face's tokenizer files, one pair of
// functions per kind of tokenizer. to_hugging_face() and to_gguf() choose among them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lathe/tokenizer_files.h"

namespace lathe {

TokenizerFiles spm_to_hugging_face(const TokenizerFiles& files);
GgufVocabulary spm_to_gguf(const TokenizerFiles& files);

TokenizerFiles bpe_to_hugging_face(const TokenizerFiles& files);
GgufVocabulary bpe_to_gguf(const TokenizerFiles& files);
// A tokenizer.json of Llama's kind as a "llama" vocabulary; nothing when it is of another kind.
struct TokenizerJson;
std::optional<GgufVocabulary> bpe_to_spm_gguf(const TokenizerFiles& files,
                                              const TokenizerJson& source);

// The part of tokenizer_config.json that every vocabulary has: special tokens, template, and
// under "gguf" what Hugging Face's files have no place for.
nlohmann::ordered_json tokenizer_config_json(const GgufVocabulary& gguf, const std::string& file);

// An entry of added_tokens or added_tokens_decoder.
nlohmann::ordered_json added_token_json(std::string_view text, bool special);

// Throws kUnsupported for flags of added tokens that GGUF has no place for.
struct AddedToken;
void refuse_flags(std::span<const AddedToken> added, const std::string& file);

// Throws kUnsupported, naming a text, where the two forms of one tokenizer give other ids: texts of
// every kind, and each control or user-defined token of `gguf` amid others.
void require_same_ids(const TokenizerFiles& one, const TokenizerFiles& two,
                      const GgufVocabulary& gguf);

}  // namespace lathe
