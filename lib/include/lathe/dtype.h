// Element types of tensors, as the file formats name them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lathe/export.h"

namespace lathe {

// Plain types hold one element each; block types (ggml's) hold `block` elements of one row
// in `bytes` bytes.
enum class DType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kI8,
  kU8,
  kI16,
  kI32,
  kI64,
  kF64,
  kBool,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kQ2_K,
  kQ3_K,
  kIQ4_NL,
  kIQ4_XS,
  kMXFP4,
  kNVFP4,
  kTQ1_0,
  kTQ2_0,
  kQ1_0,
  kQ2_0,
  kIQ2_XXS,
  kIQ2_XS,
  kIQ2_S,
  kIQ3_XXS,
  kIQ3_S,
  kIQ1_S,
  kIQ1_M,
  // A matrix in the kernels' own layout (.lathe files): one run of bytes that describes itself,
  // with no bytes of single rows.
  kPacked,
};

struct DTypeInfo {
  std::string_view name;  // "F32", "Q4_K"
  std::int64_t block;     // elements per block, 1 for plain types
  std::int64_t bytes;     // bytes per block
};

LATHE_API const DTypeInfo& dtype_info(DType dtype) noexcept;

// By name, any letter case ("bf16", "Q4_K").
LATHE_API std::optional<DType> dtype_by_name(std::string_view name) noexcept;

// Bytes of `elements` elements, which must be a multiple of the block; nothing when it is
// not, when the product wraps, and for kPacked.
LATHE_API std::optional<std::uint64_t> dtype_bytes(DType dtype, std::uint64_t elements) noexcept;

inline bool is_float(DType t) noexcept {
  return t == DType::kF32 || t == DType::kF16 || t == DType::kBF16 || t == DType::kF64;
}

}  // namespace lathe
