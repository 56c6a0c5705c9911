// A GGUF file's metadata as ModelConfig and vocabulary.
//
// GGUF stores real numbers as float32; they are read as the shortest decimal that gives
// that float, so that 1e-5 is 1e-5 again.
//
// Errors: kInvalid with the key; kUnsupported, by name, for architectures, rope scalings and
// layouts (experts, heads that differ between layers) that are not run here.
#pragma once

#include <optional>

#include "lathe/model_config.h"
#include "lathe/tokenizer_files.h"

#include "container/gguf_reader.h"

namespace lathe {

// Absent when the file holds none (tokenizer.ggml.model is missing, "none" or "no_vocab").
// Tokens that pad the vocabulary to the embedding's size ("[PAD123]" at position 123, unused)
// are left out.
std::optional<GgufVocabulary> vocabulary_from_gguf(const GgufReader& gguf);

// For files with tensors. The result has passed validate().
ModelConfig config_from_gguf(const GgufReader& gguf);

// For vocabulary-only files, whatever their architecture: token ids and vocab_size.
ModelConfig token_config_from_gguf(const GgufReader& gguf, const GgufVocabulary* vocabulary);

}  // namespace lathe
