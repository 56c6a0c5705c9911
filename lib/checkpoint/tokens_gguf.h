// Special tokens of a GGUF file.
#pragma once

#include <cstdint>
#include <string_view>

#include "lathe/model_config.h"

#include "container/gguf_reader.h"

namespace lathe {

// -1: none. Throws kInvalid for one that is not among `tokens`.
std::int64_t read_token_id(const GgufReader& gguf, std::string_view key, std::int64_t tokens);

// Also of a file without a vocabulary; ids are checked against config.vocab_size.
void read_token_ids(const GgufReader& gguf, ModelConfig& config);

}  // namespace lathe
