// What an adapter's files hold, by format. The readers check everything but whether it fits a
// model.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/lora.h"

#include "container/tensor_file.h"

namespace lathe {

struct LoraContents {
  std::map<std::string, LoraPair> pairs;  // by the matrix's name, as Checkpoint has it
  std::vector<std::string> warnings;      // sentences on what its user should know
  // Of a GGUF file: general.architecture. Rows of B are in the order of that format.
  std::string gguf_architecture;
};

// PEFT's folder.
LoraContents lora_from_folder(const std::string& folder);
// llama.cpp's file: general.type "adapter", adapter.type "lora".
LoraContents lora_from_gguf(const std::string& path);
bool is_gguf_adapter(const std::string& path);

// For who was given an adapter as a model. Throws kInvalid.
[[noreturn]] void fail_adapter_alone(const std::string& path);

// The keys and endings of such a file, which reading and writing agree on.
namespace gguf_lora {
inline constexpr const char* kType = "general.type";
inline constexpr const char* kAdapter = "adapter";
inline constexpr const char* kAdapterType = "adapter.type";
inline constexpr const char* kLora = "lora";
inline constexpr const char* kAlpha = "adapter.lora.alpha";
inline constexpr std::string_view kA = ".lora_a";
inline constexpr std::string_view kB = ".lora_b";
}  // namespace gguf_lora

// A matrix of an adapter as floats. Throws kInvalid for what is no matrix or broken, kUnsupported
// for a type that is no number's.
std::vector<float> read_lora_matrix(const TensorFile& file, std::size_t index);

}  // namespace lathe
