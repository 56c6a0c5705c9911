#include "model/kv_page.h"

#include <algorithm>
#include <cstring>

#include "kernels/conversion_kernels.h"
#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "model/rotation.h"

namespace lathe {
namespace {

// Elements converted at once, on the stack.
constexpr std::int64_t kPiece = 256;

// Sixteen keys side by side: element d of position t.
template <typename Element>
void scatter(const Element* from, std::int64_t count, std::int64_t head_dim, std::int64_t at,
             std::int64_t first, Element* block) noexcept {
  Element* to = block + (at / 16 * head_dim + first) * 16 + at % 16;
  for (std::int64_t d = 0; d < count; ++d) to[d * 16] = from[d];
}

// Calls put(first, count, converted elements) for the pieces of x.
template <typename Put>
void to_halves(const float* x, std::int64_t n, Put put) noexcept {
  std::uint16_t halves[kPiece];
  for (std::int64_t first = 0; first < n; first += kPiece) {
    const std::int64_t count = std::min(kPiece, n - first);
    kernels().convert.f32_to_f16(x + first, count, halves);
    put(first, count, halves);
  }
}

// Bits of a code; 0 of the types that have none.
int key_bits(KvType type) noexcept {
  return type == KvType::kInt8 || type == KvType::kK8V4 ? 8 : type == KvType::kInt4 ? 6 : 0;
}
int value_bits(KvType type) noexcept {
  return type == KvType::kInt8 ? 8 : type == KvType::kInt4 || type == KvType::kK8V4 ? 4 : 0;
}

std::size_t element_bytes(KvType type) noexcept { return type == KvType::kF32 ? 4 : 2; }

std::size_t block_bytes(KvType type, int bits, std::int64_t head_dim) noexcept {
  if (bits == 0) return static_cast<std::size_t>(kKvPageTokens * head_dim) * element_bytes(type);
  const auto codes = static_cast<std::size_t>(kv_code_bytes(bits, head_dim));
  return codes + static_cast<std::size_t>(kKvPageTokens) * sizeof(float);
}

float* scales(int bits, std::int64_t head_dim, std::byte* block) noexcept {
  return reinterpret_cast<float*>(block + kv_code_bytes(bits, head_dim));
}

// Where the bytes of a position lie: of dimension d at first + d / 4 · quad + d % 4 · one of the
// first sixteen, and likewise of the next.
struct BytePlaces {
  std::int64_t first, quad, one, sixteen;

  std::int64_t at(std::int64_t d) const noexcept {
    return first + d / 16 * sixteen + d % 16 / 4 * quad + d % 4 * one;
  }
};

BytePlaces key_places(std::int64_t head_dim, std::int64_t at) noexcept {
  return {at / 16 * 16 * byte_block_dims(head_dim) + at % 16 * 4, 64, 1, 256};
}

BytePlaces value_places(std::int64_t at) noexcept {
  return {at / 4 * 64 + at % 4, 16, 4, 16 * kKvPageTokens};
}

// Codes that a buffer has room for behind those of a head: zeros.
constexpr std::int64_t kPadding = 32;

struct Turned {
  Turned(const float* from, std::int64_t head_dim) noexcept {
    std::copy(from, from + head_dim, x);
    rotate(x, head_dim);
  }

  float x[kMaxKvHeadDim];
};

// x, turned, as codes with one scale, which is returned.
float turned_codes(const float* x, std::int64_t head_dim, int bits, std::int8_t* codes) noexcept {
  const Turned turned(x, head_dim);
  const float scale = kernels().forward.quantize_codes(turned.x, head_dim, bits, codes);
  std::fill_n(codes + head_dim, kPadding, std::int8_t{0});
  return scale;
}

// A key's codes of 6 bits: of sixteen dimensions four bytes in each of three lines.
struct SixBits {
  std::int64_t first;  // of the position

  SixBits(std::int64_t head_dim, std::int64_t at) noexcept
      : first(at / 16 * byte_block_dims(head_dim) * 12 + at % 16 * 4) {}

  // codes: those of dimension d, a multiple of 16, and on.
  void put(std::int64_t d, const std::int8_t* codes, std::byte* block) const noexcept {
    std::byte* to = block + first + d * 12;
    for (int i = 0; i < 4; ++i) {
      const int a = codes[i], b = codes[4 + i], c = codes[8 + i], e = codes[12 + i];
      to[i] = static_cast<std::byte>((a & 15) | (b & 15) << 4);
      to[64 + i] = static_cast<std::byte>((c & 15) | (e & 15) << 4);
      to[128 + i] = static_cast<std::byte>(a >> 4 | b >> 4 << 2 | c >> 4 << 4 | e >> 4 << 6);
    }
  }
};

float store_six_bits(const float* x, std::int64_t head_dim, std::int64_t at,
                     std::byte* block) noexcept {
  std::int8_t codes[kMaxKvHeadDim + kPadding];
  const float scale = turned_codes(x, head_dim, 6, codes);
  const SixBits places(head_dim, at);
  for (std::int64_t d = 0; d < head_dim; d += 16) places.put(d, codes + d, block);
  return scale;
}

// Where the nibbles of a value lie: those of dimensions d and d + 16 in one byte, d / 16 being
// even.
std::int64_t nibbles_at(std::int64_t d, std::int64_t at) noexcept {
  return d / 32 * 16 * kKvPageTokens + at / 4 * 64 + d % 16 * 4 + at % 4;
}

// Calls put(place, d) for each byte of a value's nibbles, d being the lower dimension.
template <typename Put>
void each_nibble_byte(std::int64_t head_dim, std::int64_t at, Put put) noexcept {
  for (std::int64_t pair = 0; pair < head_dim; pair += 32) {
    for (std::int64_t d = pair; d < pair + 16; ++d) put(nibbles_at(d, at), d);
  }
}

float store_nibbles(const float* x, std::int64_t head_dim, std::int64_t at,
                    std::byte* block) noexcept {
  std::int8_t codes[kMaxKvHeadDim + kPadding];
  const float scale = turned_codes(x, head_dim, 4, codes);
  each_nibble_byte(head_dim, at, [&](std::int64_t place, std::int64_t d) {
    block[place] = static_cast<std::byte>(codes[d] | codes[d + 16] << 4);
  });
  return scale;
}

// x, turned, as bytes with one scale, which is returned.
float store_bytes(const float* x, std::int64_t head_dim, const BytePlaces& places,
                  std::byte* block) noexcept {
  const Turned turned(x, head_dim);
  std::int8_t bytes[kMaxKvHeadDim];
  const float scale = kernels().forward.quantize_vector(turned.x, head_dim, bytes);
  for (std::int64_t d = 0; d < head_dim; ++d) {
    block[places.at(d)] = static_cast<std::byte>(static_cast<std::uint8_t>(bytes[d]) ^ 0x80U);
  }
  return scale;
}

// Calls put(first, count, elements from there, the page's elements) for the pieces of x in the
// page's type, which is no integer.
template <typename Put>
void store(KvType type, std::int64_t head_dim, const float* x, std::byte* block, Put put) noexcept {
  if (type == KvType::kF32) return put(0, head_dim, x, reinterpret_cast<float*>(block));
  to_halves(x, head_dim, [&](auto first, auto count, const auto* from) {
    put(first, count, from, reinterpret_cast<std::uint16_t*>(block));
  });
}

// Zeros the positions from `from` on: calls clear(position) for each.
template <typename Clear>
void clear_codes(int bits, std::int64_t head_dim, std::int64_t from, std::byte* block,
                 Clear clear) noexcept {
  for (std::int64_t at = from; at < kKvPageTokens; ++at) clear(at);
  float* const first = scales(bits, head_dim, block);
  std::fill(first + from, first + kKvPageTokens, 0.0F);
}

void clear_bytes(std::int64_t head_dim, const BytePlaces& places, std::byte* block) noexcept {
  for (std::int64_t d = 0; d < byte_block_dims(head_dim); ++d) block[places.at(d)] = std::byte{0};
}

void clear_six_bits(std::int64_t head_dim, std::int64_t at, std::byte* block) noexcept {
  constexpr std::int8_t kZeros[16] = {};
  const SixBits places(head_dim, at);
  for (std::int64_t d = 0; d < head_dim; d += 16) places.put(d, kZeros, block);
}

void clear_nibbles(std::int64_t head_dim, std::int64_t at, std::byte* block) noexcept {
  each_nibble_byte(head_dim, at,
                   [&](std::int64_t place, std::int64_t) { block[place] = std::byte{0}; });
}

}  // namespace

bool keeps_turned(KvType type) noexcept { return key_bits(type) != 0; }

std::size_t kv_key_bytes(KvType type, std::int64_t head_dim) noexcept {
  return block_bytes(type, key_bits(type), head_dim);
}

std::size_t kv_value_bytes(KvType type, std::int64_t head_dim) noexcept {
  return block_bytes(type, value_bits(type), head_dim);
}

void store_key(KvType type, std::int64_t head_dim, std::int64_t at, const float* x,
               std::byte* block) noexcept {
  if (key_bits(type) == 8) {
    scales(8, head_dim, block)[at] = store_bytes(x, head_dim, key_places(head_dim, at), block);
  } else if (key_bits(type) == 6) {
    scales(6, head_dim, block)[at] = store_six_bits(x, head_dim, at, block);
  } else {
    store(type, head_dim, x, block, [=](auto first, auto count, const auto* from, auto* to) {
      scatter(from, count, head_dim, at, first, to);
    });
  }
}

void store_value(KvType type, std::int64_t head_dim, std::int64_t at, const float* x,
                 std::byte* block) noexcept {
  if (value_bits(type) == 8) {
    scales(8, head_dim, block)[at] = store_bytes(x, head_dim, value_places(at), block);
  } else if (value_bits(type) == 4) {
    scales(4, head_dim, block)[at] = store_nibbles(x, head_dim, at, block);
  } else {
    store(type, head_dim, x, block, [=](auto first, auto count, const auto* from, auto* to) {
      std::copy(from, from + count, to + at * head_dim + first);
    });
  }
}

void clear_keys(KvType type, std::int64_t head_dim, std::int64_t from, std::byte* block) noexcept {
  if (const int bits = key_bits(type); bits != 0) {
    return clear_codes(bits, head_dim, from, block, [=](std::int64_t at) {
      bits == 8 ? clear_bytes(head_dim, key_places(head_dim, at), block)
                : clear_six_bits(head_dim, at, block);
    });
  }
  const std::size_t width = element_bytes(type);
  const auto at = static_cast<std::size_t>(from % 16) * width;
  std::byte* group = block + static_cast<std::size_t>(from / 16 * 16 * head_dim) * width;
  std::byte* const end = block + static_cast<std::size_t>(kKvPageTokens * head_dim) * width;
  if (at != 0) {
    std::byte* const next = group + static_cast<std::size_t>(16 * head_dim) * width;
    for (; group < next; group += 16 * width) std::memset(group + at, 0, 16 * width - at);
  }
  std::memset(group, 0, static_cast<std::size_t>(end - group));
}

void clear_values(KvType type, std::int64_t head_dim, std::int64_t from,
                  std::byte* block) noexcept {
  if (const int bits = value_bits(type); bits != 0) {
    return clear_codes(bits, head_dim, from, block, [=](std::int64_t at) {
      bits == 8 ? clear_bytes(head_dim, value_places(at), block)
                : clear_nibbles(head_dim, at, block);
    });
  }
  const std::size_t row = static_cast<std::size_t>(head_dim) * element_bytes(type);
  std::memset(block + static_cast<std::size_t>(from) * row, 0,
              static_cast<std::size_t>(kKvPageTokens - from) * row);
}

}  // namespace lathe
