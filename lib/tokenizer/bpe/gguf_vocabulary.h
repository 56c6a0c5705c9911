// What the GGUF forms of a tokenizer.json have in common, whichever model they name.
#pragma once

#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/tokenizer_config.h"

namespace lathe {

// `tokens` by id with their types, added ones as control or user-defined, holes as padding.
// Throws kUnsupported for flags that GGUF has no place for.
void put_tokens(const std::vector<std::string>& tokens, const BpeParts& parts,
                const std::string& file, GgufVocabulary& out);

// The ids of special tokens and where they go; after put_tokens(). Throws kUnsupported for what a
// template writes besides BOS and EOS.
void put_special(const BpeParts& parts, const TokenizerConfig& config, const std::string& file,
                 GgufVocabulary& out);

}  // namespace lathe
