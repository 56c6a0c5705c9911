// What stands in a Hugging Face folder.
#pragma once

#include <memory>
#include <string>

#include "lathe/tokenizer_files.h"

#include "container/safetensors_reader.h"

namespace lathe {

// The path of config.json. Throws kInvalid when there is none: then it is no model's folder.
std::string require_config(const std::string& folder);

// The weights: one file, or the shards of its index. Throws kUnsupported where there are only
// pickles, kInvalid where there is nothing.
std::shared_ptr<const SafetensorsReader> open_folder_weights(const std::string& folder);

// The tokenizer's files; null when it has none. `rows`: of the model's embedding.
std::shared_ptr<const TokenizerFiles> tokenizer_from_folder(const std::string& folder,
                                                            std::int64_t rows);

}  // namespace lathe
