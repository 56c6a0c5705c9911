// The openers that Checkpoint::open chooses from, and what they share.
#pragma once

#include <memory>
#include <string>

#include "lathe/checkpoint.h"

#include "checkpoint/stored_checkpoint.h"
#include "container/safetensors_reader.h"

namespace lathe {

enum class FileKind { kFolder, kGguf, kSafetensors, kLlama2c };

// By content: magic numbers first, llama2.c's exact size last. Throws kInvalid for anything
// else, kIo for what is no file or folder.
FileKind kind_of_file(const std::string& path);

CheckpointParts open_gguf(const std::string& path);
CheckpointParts open_hugging_face(const std::string& folder);
CheckpointParts open_llama2c(const std::string& path);
CheckpointParts open_lathe(std::shared_ptr<const SafetensorsReader> file);

// A Hugging Face folder's weights: one file, or the shards of its index.
std::shared_ptr<const SafetensorsReader> open_folder_weights(const std::string& folder);

// An existing file that does not open as `what` is an I/O error; an absent one gives "".
// At most 512 MB.
std::string read_small_file(const std::string& path);
std::string read_small_file_if_there(const std::string& path);

// The tokenizer of OpenOptions::tokenizer_path (a file or a folder); `config` tells how many
// tokens llama2.c's format holds.
TokenizerFiles load_tokenizer(const std::string& path, const ModelConfig& config);

// The tokenizer files of a Hugging Face folder; nothing when it has none.
std::optional<TokenizerFiles> tokenizer_from_folder(const std::string& folder);

}  // namespace lathe
