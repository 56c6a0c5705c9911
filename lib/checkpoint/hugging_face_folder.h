// What stands in a Hugging Face folder.
#pragma once

#include <memory>
#include <string>

#include "lathe/tokenizer_files.h"

#include "container/safetensors_reader.h"
#include "io/file_set.h"

namespace lathe {

// The name of config.json. Throws kInvalid when there is none: then it is no model's folder.
std::string require_config(const FileSet& folder);

// The weights: one file, or the shards of its index. Throws kUnsupported where there are only
// pickles, kInvalid where there is nothing.
std::shared_ptr<const SafetensorsReader> open_folder_weights(const FileSet& folder);

// The tokenizer's files; null when it has none. `rows`: of the model's embedding.
std::shared_ptr<const TokenizerFiles> tokenizer_from_folder(const FileSet& folder,
                                                            std::int64_t rows);

}  // namespace lathe
