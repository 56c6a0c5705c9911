// Special tokens and types of tokens as GGUF's metadata has them, with what its readers make of
// keys that are missing. Source: llama.cpp, src/llama-vocab.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "tokenizer/spm/model.h"

namespace lathe {

struct GgufIds {
  std::optional<TokenId> bos, eos, unknown, pad, eot;
};

// Where a key is missing (-1), the ids that the model has by default: of "llama" 1, 2 and 0, of
// "gpt2" 11 for both ends, of some pre-tokenizers none. Throws kInvalid, naming `file` and the
// key, for an id outside the vocabulary.
GgufIds gguf_ids(const GgufVocabulary& gguf, const std::string& file);

// What the file itself says, by the keys of named_tokens.h. Ids are as gguf_ids() let pass.
NamedTexts gguf_named_tokens(const GgufVocabulary& gguf);

// The type of each token: as the file says, but tokens that end a turn in every known model are
// control tokens even where it calls them normal. Without types all are normal. Throws kInvalid
// for an unknown type, or another number of them.
std::vector<PieceType> gguf_types(const GgufVocabulary& gguf, const std::string& file);

}  // namespace lathe
