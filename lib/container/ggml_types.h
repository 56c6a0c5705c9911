// Tensor types by ggml's numbers, as GGUF files hold them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lathe/dtype.h"

namespace lathe {

// The DType of ggml's type number. Throws, naming `file` and `tensor`: kUnsupported for a type
// that exists but is not read here (Q8_K, and those of ik_llama.cpp), kInvalid for one that was
// removed from the format or never existed.
DType dtype_from_ggml(std::uint32_t type, std::string_view file, std::string_view tensor);

// ggml's number, or nothing for types that GGUF lacks (U8, BOOL).
std::optional<std::uint32_t> ggml_from_dtype(DType dtype) noexcept;

}  // namespace lathe
