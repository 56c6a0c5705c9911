#include "tensor/dequantize.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "base/fail.h"
#include "tensor/float16.h"
#include "tensor/ggml_blocks.h"

namespace lathe {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are little-endian");

void decode(const BlockQ4_0& b, float* out) {
  const float d = f16_to_f32(b.d);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>((b.qs[j] & 15) - 8) * d;
    out[j + 16] = static_cast<float>((b.qs[j] >> 4) - 8) * d;
  }
}

void decode(const BlockQ4_1& b, float* out) {
  const float d = f16_to_f32(b.d);
  const float m = f16_to_f32(b.m);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>(b.qs[j] & 15) * d + m;
    out[j + 16] = static_cast<float>(b.qs[j] >> 4) * d + m;
  }
}

// The fifth bits of elements j and j + 16, in place to be or-ed to four low bits.
struct FifthBits {
  explicit FifthBits(const std::uint8_t* qh) noexcept { std::memcpy(&bits, qh, sizeof bits); }
  int of(int i) const noexcept { return static_cast<int>((bits >> i) & 1u) << 4; }
  std::uint32_t bits;
};

void decode(const BlockQ5_0& b, float* out) {
  const float d = f16_to_f32(b.d);
  const FifthBits fifth(b.qh);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>(((b.qs[j] & 15) | fifth.of(j)) - 16) * d;
    out[j + 16] = static_cast<float>(((b.qs[j] >> 4) | fifth.of(j + 16)) - 16) * d;
  }
}

void decode(const BlockQ5_1& b, float* out) {
  const float d = f16_to_f32(b.d);
  const float m = f16_to_f32(b.m);
  const FifthBits fifth(b.qh);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>((b.qs[j] & 15) | fifth.of(j)) * d + m;
    out[j + 16] = static_cast<float>((b.qs[j] >> 4) | fifth.of(j + 16)) * d + m;
  }
}

void decode(const BlockQ8_0& b, float* out) {
  const float d = f16_to_f32(b.d);
  for (int j = 0; j < kBlock32; ++j) out[j] = static_cast<float>(b.qs[j]) * d;
}

void decode(const BlockQ4_K& b, float* out) {
  const float d = f16_to_f32(b.d);
  const float dmin = f16_to_f32(b.dmin);
  for (int s = 0; s < 8; ++s) {
    const KScale k = k_scale(b.scales, s);
    const float scale = d * static_cast<float>(k.scale);
    const float min = dmin * static_cast<float>(k.min);
    const std::uint8_t* qs = b.qs + 32 * (s / 2);
    const int shift = 4 * (s % 2);
    for (int l = 0; l < 32; ++l) {
      out[32 * s + l] = scale * static_cast<float>((qs[l] >> shift) & 15) - min;
    }
  }
}

void decode(const BlockQ5_K& b, float* out) {
  const float d = f16_to_f32(b.d);
  const float dmin = f16_to_f32(b.dmin);
  for (int s = 0; s < 8; ++s) {
    const KScale k = k_scale(b.scales, s);
    const float scale = d * static_cast<float>(k.scale);
    const float min = dmin * static_cast<float>(k.min);
    const std::uint8_t* qs = b.qs + 32 * (s / 2);
    const int shift = 4 * (s % 2);
    for (int l = 0; l < 32; ++l) {
      const int q = ((qs[l] >> shift) & 15) | ((b.qh[l] >> s) & 1) << 4;
      out[32 * s + l] = scale * static_cast<float>(q) - min;
    }
  }
}

void decode(const BlockQ6_K& b, float* out) {
  const float d = f16_to_f32(b.d);
  for (int h = 0; h < 2; ++h) {
    for (int k = 0; k < 4; ++k) {
      const std::uint8_t* ql = b.ql + 64 * h + 32 * (k % 2);
      const std::uint8_t* qh = b.qh + 32 * h;
      const int shift = 4 * (k / 2);
      const int first = 128 * h + 32 * k;
      for (int l = 0; l < 32; ++l) {
        const int q = ((ql[l] >> shift) & 15) | ((qh[l] >> (2 * k)) & 3) << 4;
        const float scale = d * static_cast<float>(b.scales[(first + l) / 16]);
        out[first + l] = scale * static_cast<float>(q - 32);
      }
    }
  }
}

// Blocks are copied out first: the bytes may stand at any address.
template <typename Block>
void decode_blocks(std::span<const std::byte> bytes, std::span<float> out, std::size_t elements) {
  const std::byte* in = bytes.data();
  for (std::size_t at = 0; at < out.size(); at += elements, in += sizeof(Block)) {
    Block block;
    std::memcpy(&block, in, sizeof block);
    decode(block, out.data() + at);
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

bool is_bad(std::uint16_t half) { return (half & 0x7c00u) == 0x7c00u; }

template <typename Block>
std::optional<std::uint64_t> first_bad(std::span<const std::byte> bytes) {
  const std::size_t count = bytes.size() / sizeof(Block);
  for (std::size_t i = 0; i < count; ++i) {
    Block b;
    std::memcpy(&b, bytes.data() + i * sizeof b, sizeof b);
    bool bad = is_bad(b.d);
    if constexpr (requires { b.m; }) bad = bad || is_bad(b.m);
    if constexpr (requires { b.dmin; }) bad = bad || is_bad(b.dmin);
    if (bad) return i;
  }
  return std::nullopt;
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
    case DType::kQ4_0:
      return decode_blocks<BlockQ4_0>(bytes, out, kBlock32);
    case DType::kQ4_1:
      return decode_blocks<BlockQ4_1>(bytes, out, kBlock32);
    case DType::kQ5_0:
      return decode_blocks<BlockQ5_0>(bytes, out, kBlock32);
    case DType::kQ5_1:
      return decode_blocks<BlockQ5_1>(bytes, out, kBlock32);
    case DType::kQ8_0:
      return decode_blocks<BlockQ8_0>(bytes, out, kBlock32);
    case DType::kQ4_K:
      return decode_blocks<BlockQ4_K>(bytes, out, kBlock256);
    case DType::kQ5_K:
      return decode_blocks<BlockQ5_K>(bytes, out, kBlock256);
    case DType::kQ6_K:
      return decode_blocks<BlockQ6_K>(bytes, out, kBlock256);
    case DType::kPacked:
      break;  // has no rows of bytes: tensor/packed_layout.h
  }
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
  switch (dtype) {
    case DType::kQ4_0:
      return first_bad<BlockQ4_0>(bytes);
    case DType::kQ4_1:
      return first_bad<BlockQ4_1>(bytes);
    case DType::kQ5_0:
      return first_bad<BlockQ5_0>(bytes);
    case DType::kQ5_1:
      return first_bad<BlockQ5_1>(bytes);
    case DType::kQ8_0:
      return first_bad<BlockQ8_0>(bytes);
    case DType::kQ4_K:
      return first_bad<BlockQ4_K>(bytes);
    case DType::kQ5_K:
      return first_bad<BlockQ5_K>(bytes);
    case DType::kQ6_K:
      return first_bad<BlockQ6_K>(bytes);
    default:
      return std::nullopt;
  }
}

}  // namespace lathe
