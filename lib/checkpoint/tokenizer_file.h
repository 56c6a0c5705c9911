// A tokenizer by its path: a model's of any format, or a bare one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lathe/tokenizer_files.h"

namespace lathe {

// By content: a model (formats.h), else tokenizer.json, a sentencepiece model or llama2.c's
// tokenizer.bin, which does not say how many tokens it holds: `vocab_size`, or -1 for as many as
// there are. Throws kInvalid when there is no tokenizer.
std::shared_ptr<const TokenizerFiles> load_tokenizer(const std::string& path,
                                                     std::int64_t vocab_size);

}  // namespace lathe
