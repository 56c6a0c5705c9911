// The vocabulary and the merges of a tokenizer.json as tables, for .lathe files: a large
// tokenizer.json takes longer to parse than a small model to load.
//
// It says nothing that tokenizer.json does not say, and is used beside the very one it was made
// from only. Little-endian:
//
//   "lathevoc"  u64 XXH3 of tokenizer.json  u32 tokens, merges, bytes of the document, unknown
//   token u32 ends[tokens]      of the tokens' texts, one behind the other u32 merges[merges][3]
//   ids of left, right and both together the document: tokenizer.json without the members vocab and
//   merges of "model" the texts
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/tokenizer_json.h"

namespace lathe {

// compile_tokenizer() (lathe/tokenizer.h) makes it where there are so many tokens: smaller ones are
// parsed in a few milliseconds.
inline constexpr std::size_t kCompiledTokens = std::size_t{1} << 16;

// The same as parse_tokenizer_json(files.tokenizer_json), from files.compiled_json; merges are ids.
// Throws kInvalid, also where it belongs to another tokenizer.json.
TokenizerJson parse_compiled(const TokenizerFiles& files);

}  // namespace lathe
