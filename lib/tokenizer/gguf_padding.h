// The types of tokens as GGUF writes them, and the tokens "[PAD12]" that its writers put where the
// model's embedding has rows and the tokenizer no token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lathe/tokenizer_files.h"

#include "tokenizer/spm/model.h"

namespace lathe {

constexpr std::int32_t gguf_type(PieceType type) noexcept {
  return static_cast<std::int32_t>(type);
}

std::string padding_piece(std::size_t id);

// Appends the padding token of the next id.
void put_padding(GgufVocabulary& out);

// Takes the last token off.
void pop_token(GgufVocabulary& out);

// Takes padding tokens off the end.
void drop_padding(GgufVocabulary& vocabulary);

}  // namespace lathe
