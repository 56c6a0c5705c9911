// What is in a model file, as the file itself says: its own tensor names and metadata, without
// asking whether this library runs such a model.
//
//   GGUF (splits too), safetensors and .lathe files, Hugging Face folders, llama2.c .bin
//
// Errors: as Checkpoint::open, but kUnsupported only for tensor types that cannot be described.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/export.h"

namespace lathe {

struct ListedValue {
  std::string key;
  std::string type;  // "u32", "string", "array of f32"...; empty where the format has text only
  // Arrays as text: how many elements, and the first ones.
  std::variant<bool, std::int64_t, double, std::string> value;
};

struct FileListing {
  std::string path;
  std::string format;                 // "GGUF", "safetensors", "lathe", "Hugging Face", "llama2.c"
  std::vector<ListedValue> metadata;  // in the file's order
  std::vector<TensorInfo> tensors;    // in the file's order, under the file's names
  // The scheme of packed matrices, whose dtype is kPacked; a type that DType has not.
  std::map<std::string, std::string> schemes;
};

LATHE_API FileListing list_file(const std::string& path);

}  // namespace lathe
