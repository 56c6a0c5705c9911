// Rows of any type to floats, and floats to the float types.
//
// Portable scalar code that defines what a stored tensor means; kernels have their own fast
// forms and are tested against this. Bytes need no alignment. One multiplication and one
// addition per element, in ggml's order, so results equal ggml's bit for bit.
//
// Errors: kBug when sizes do not agree, kUnsupported for types that cannot be encoded.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "lathe/dtype.h"

namespace lathe {

// Decodes whole blocks: `bytes` holds exactly out.size() elements of `dtype`.
void decode_to_f32(DType dtype, std::span<const std::byte> bytes, std::span<float> out);

// Encodes as F32, F16, BF16 or F64, rounding to nearest even. Returns how many finite values
// became infinite, which only F16 and BF16 can do.
std::uint64_t encode_from_f32(DType dtype, std::span<const float> values,
                              std::span<std::byte> bytes);

// The first block whose scale or minimum is NaN or infinite; always nothing for plain types.
// `bytes` are whole blocks.
std::optional<std::uint64_t> find_bad_scale(DType dtype, std::span<const std::byte> bytes);

}  // namespace lathe
