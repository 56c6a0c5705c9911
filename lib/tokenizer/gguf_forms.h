// Conversions between GGUF vocabularies and Hugging Face's tokenizer files, one pair of
// functions per kind of tokenizer. to_hugging_face() and to_gguf() choose among them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "lathe/tokenizer.h"

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
nlohmann::ordered_json tokenizer_config_json(const GgufVocabulary& gguf);

}  // namespace lathe
