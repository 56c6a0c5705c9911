#include "checkpoint/convert_elements.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/escape.h"
#include "base/fail.h"
#include "tensor/dequantize.h"
#include "tensor/float16.h"

namespace lathe {

void check_scales(std::span<const std::byte> blocks, DType type, const std::string& tensor,
                  const std::string& file) {
  if (const auto block = find_bad_scale(type, blocks)) {
    fail_invalid("{}: the tensor {} has a {} block whose scale is not finite", quoted(file),
                 quoted(tensor), dtype_info(type).name);
  }
}

void to_floats(std::span<const std::byte> from, DType type, std::span<float> out,
               const std::string& tensor, const std::string& file) {
  check_scales(from, type, tensor, file);
  decode_to_f32(type, from, out);
}

void from_floats(std::span<const float> from, DType type, std::span<std::byte> out,
                 const std::string& tensor, const std::string& file) {
  if (encode_from_f32(type, from, out) == 0) return;
  const float most = type == DType::kF16 ? 65504.0f : 3.38953139e38f;
  for (const float value : from) {
    if (std::isfinite(value) && std::abs(value) > most) {
      fail_invalid("{}: the tensor {} holds {}, which {} cannot hold; convert to {} instead",
                   quoted(file), quoted(tensor), value, dtype_info(type).name,
                   type == DType::kF16 ? "bf16 or f32" : "f32");
    }
  }
}

void narrow_exactly(std::span<const std::byte> from, DType type, std::span<std::byte> out,
                    const std::string& tensor, const std::string& file) {
  const std::size_t count = from.size() / sizeof(float);
  for (std::size_t i = 0; i < count; ++i) {
    float value = 0.0f;
    std::memcpy(&value, from.data() + i * sizeof value, sizeof value);
    const bool half = type == DType::kF16;
    const std::uint16_t bits = half ? f32_to_f16(value) : f32_to_bf16(value);
    const float back = half ? f16_to_f32(bits) : bf16_to_f32(bits);
    if (std::memcmp(&back, &value, sizeof value) != 0) {
      fail_invalid(
          "{}: the tensor {} was {} by the file's metadata, but holds {}, which is no such "
          "value",
          quoted(file), quoted(tensor), dtype_info(type).name, value);
    }
    std::memcpy(out.data() + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace lathe
