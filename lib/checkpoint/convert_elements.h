// Elements of one type as another: what --dtype does, and what reading any type as floats does.
//
// Over tensor/dequantize.h: values that would break whatever comes next are refused with the
// tensor's name. Errors: kInvalid. Thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "lathe/dtype.h"

namespace lathe {

// Any float or block type as floats. `from` holds whole rows, `out.size()` elements in all. A
// block whose scale is NaN or infinite is refused.
void to_floats(std::span<const std::byte> from, DType type, std::span<float> out,
               const std::string& tensor, const std::string& file);

// Floats as F32, F16 or BF16, rounded to nearest even. A finite value that becomes infinite is
// refused, since nothing downstream could repair it.
void from_floats(std::span<const float> from, DType type, std::span<std::byte> out,
                 const std::string& tensor, const std::string& file);

// Refuses blocks whose scale is NaN or infinite.
void check_scales(std::span<const std::byte> blocks, DType type, const std::string& tensor,
                  const std::string& file);

// F32 bytes as F16 or BF16 for values that were of that type before: one that is not
// representable exactly is an error (kInvalid).
void narrow_exactly(std::span<const std::byte> from, DType type, std::span<std::byte> out,
                    const std::string& tensor, const std::string& file);

}  // namespace lathe
