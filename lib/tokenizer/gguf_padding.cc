#include "tokenizer/gguf_padding.h"

#include <fmt/format.h>

namespace lathe {

std::string padding_piece(std::size_t id) { return fmt::format("[PAD{}]", id); }

void put_padding(GgufVocabulary& out) {
  if (out.types.empty()) out.types.assign(out.tokens.size(), gguf_type(PieceType::kNormal));
  out.tokens.push_back(padding_piece(out.tokens.size()));
  out.types.push_back(gguf_type(PieceType::kUnused));
  if (!out.scores.empty()) out.scores.push_back(-1000.0f);
}

void pop_token(GgufVocabulary& out) {
  out.tokens.pop_back();
  if (!out.types.empty()) out.types.pop_back();
  if (!out.scores.empty()) out.scores.pop_back();
}

void drop_padding(GgufVocabulary& vocabulary) {
  while (!vocabulary.tokens.empty() && vocabulary.types.size() == vocabulary.tokens.size() &&
         vocabulary.types.back() == gguf_type(PieceType::kUnused) &&
         vocabulary.tokens.back() == padding_piece(vocabulary.tokens.size() - 1)) {
    pop_token(vocabulary);
  }
}

}  // namespace lathe
