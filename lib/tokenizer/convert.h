// Conversions between GGUF vocabularies and Hugging Face's tokenizer files, one pair of
// functions per kind of tokenizer. to_hugging_face() and to_gguf() choose among them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lathe/tokenizer.h"

namespace lathe {

TokenizerFiles spm_to_hugging_face(const TokenizerFiles& files);
GgufVocabulary spm_to_gguf(const TokenizerFiles& files);

TokenizerFiles bpe_to_hugging_face(const TokenizerFiles& files);
GgufVocabulary bpe_to_gguf(const TokenizerFiles& files);

// The part of tokenizer_config.json that every vocabulary has: special tokens, template, and
// under "gguf" what Hugging Face's files have no place for.
nlohmann::ordered_json config_from_gguf(const GgufVocabulary& gguf);

}  // namespace lathe
