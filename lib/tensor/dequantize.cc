#include "tensor/dequantize.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/fail.h"
#include "tensor/block_types.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are little-endian");

// A group's scale and minimum.
struct Factors {
  float scale = 0.0f;
  float minimum = 0.0f;
};

// A block read as part of a packed matrix, and what that makes of it.
class BlockDecoder {
 public:
  explicit BlockDecoder(const BlockType& type)
      : type_(type),
        elements_(dtype_info(type.dtype).block),
        zero_(zero_code(type.scheme)),
        unit_(std::ldexp(1.0f, type.unit_exponent)) {
    row_.codes = codes_;
    for (int which = 0; which < 2; ++which) {
      row_.halves[which] = halves_[which];
      row_.bytes[which] = bytes_[which];
      row_.supers[which] = supers_[which];
    }
  }

  void decode(const std::byte* block, float* out) {
    type_.read(block, 1, row_);
    const std::int64_t group = type_.scheme.group;
    for (std::int64_t first = 0; first < elements_; first += group) {
      const Factors f = {factor(0, first / group),
                         type_.scheme.minimums ? factor(1, first / group) : 0.0f};
      for (std::int64_t e = first; e < first + group; ++e) {
        const int code = codes_[e];
        const auto q = static_cast<float>(
            type_.scheme.grid ? type_.grid[static_cast<std::size_t>(code)] : code - zero_);
        out[e] = (type_.scheme.minimums ? f.scale * q + f.minimum : f.scale * q) * unit_;
      }
    }
  }

 private:
  float factor(int which, std::int64_t g) const {
    switch (type_.scheme.form) {
      case ScaleForm::kHalf:
      case ScaleForm::kZeroPoint:  // no block type's
        return f16_to_f32(halves_[which][g]);
      case ScaleForm::kExponent:
        return f32_of_exponent(static_cast<std::uint8_t>(bytes_[which][g]));
      case ScaleForm::kTwoLevel:
        break;
    }
    return static_cast<float>(bytes_[which][g]) * f16_to_f32(supers_[which][0]);
  }

  static constexpr std::int64_t kMaxGroups = kPackedSuperGroup / 16;

  const BlockType& type_;
  std::int64_t elements_;
  int zero_;
  float unit_;
  BlockRow row_;
  std::uint8_t codes_[kPackedSuperGroup];
  std::uint16_t halves_[2][kMaxGroups];
  std::int8_t bytes_[2][kMaxGroups];
  std::uint16_t supers_[2][1];
};

void decode_blocks(const BlockType& type, std::span<const std::byte> bytes, std::span<float> out) {
  BlockDecoder decoder(type);
  const DTypeInfo& info = dtype_info(type.dtype);
  const auto elements = static_cast<std::size_t>(info.block);
  const std::byte* in = bytes.data();
  for (std::size_t at = 0; at < out.size(); at += elements, in += info.bytes) {
    decoder.decode(in, out.data() + at);
  }
}

template <typename T, typename Convert>
void decode_plain(std::span<const std::byte> bytes, std::span<float> out, Convert&& convert) {
  const std::byte* in = bytes.data();
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, in + i * sizeof(T), sizeof value);
    out[i] = convert(value);
  }
}

template <typename T>
void decode_number(std::span<const std::byte> bytes, std::span<float> out) {
  decode_plain<T>(bytes, out, [](T value) { return static_cast<float>(value); });
}

void check_sizes(DType dtype, std::size_t elements, std::size_t bytes) {
  if (dtype_bytes(dtype, elements) != bytes) {
    fail(ErrorCode::kBug, "{} elements of {} do not take {} bytes", elements,
         dtype_info(dtype).name, bytes);
  }
}

}  // namespace

void decode_to_f32(DType dtype, std::span<const std::byte> bytes, std::span<float> out) {
  check_sizes(dtype, out.size(), bytes.size());
  if (out.empty()) return;
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out.data(), bytes.data(), bytes.size());
      return;
    case DType::kF16:
      return decode_plain<std::uint16_t>(bytes, out, f16_to_f32);
    case DType::kBF16:
      return decode_plain<std::uint16_t>(bytes, out, bf16_to_f32);
    case DType::kF64:
      return decode_number<double>(bytes, out);
    case DType::kI8:
      return decode_number<std::int8_t>(bytes, out);
    case DType::kU8:
      return decode_number<std::uint8_t>(bytes, out);
    case DType::kI16:
      return decode_number<std::int16_t>(bytes, out);
    case DType::kI32:
      return decode_number<std::int32_t>(bytes, out);
    case DType::kI64:
      return decode_number<std::int64_t>(bytes, out);
    case DType::kBool:
      return decode_plain<std::uint8_t>(bytes, out,
                                        [](std::uint8_t b) { return b != 0 ? 1.0f : 0.0f; });
    default:
      break;  // kPacked has no rows of bytes: tensor/packed_layout.h
  }
  if (const BlockType* type = find_block_type(dtype)) return decode_blocks(*type, bytes, out);
  fail(ErrorCode::kBug, "no decoder for type {}", static_cast<int>(dtype));
}

std::uint64_t encode_from_f32(DType dtype, std::span<const float> values,
                              std::span<std::byte> bytes) {
  check_sizes(dtype, values.size(), bytes.size());
  if (values.empty()) return 0;
  std::uint64_t overflows = 0;
  switch (dtype) {
    case DType::kF32:
      std::memcpy(bytes.data(), values.data(), bytes.size());
      return 0;
    case DType::kF64:
      for (std::size_t i = 0; i < values.size(); ++i) {
        const double wide = values[i];
        std::memcpy(bytes.data() + i * sizeof wide, &wide, sizeof wide);
      }
      return 0;
    case DType::kF16:
    case DType::kBF16: {
      const bool is_f16 = dtype == DType::kF16;
      const std::uint16_t infinity = is_f16 ? 0x7c00u : 0x7f80u;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::uint16_t half = is_f16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
        if ((half & 0x7fffu) == infinity && std::isfinite(values[i])) ++overflows;
        std::memcpy(bytes.data() + i * sizeof half, &half, sizeof half);
      }
      return overflows;
    }
    default:
      fail_unsupported("floats cannot be written as {}", dtype_info(dtype).name);
  }
}

std::optional<std::uint64_t> find_bad_scale(DType dtype, std::span<const std::byte> bytes) {
  const BlockType* type = find_block_type(dtype);
  if (type == nullptr) return std::nullopt;
  const auto size = static_cast<std::size_t>(dtype_info(dtype).bytes);
  for (std::size_t i = 0; i < bytes.size() / size; ++i) {
    if (!type->is_sound(bytes.data() + i * size)) return i;
  }
  return std::nullopt;
}

}  // namespace lathe
