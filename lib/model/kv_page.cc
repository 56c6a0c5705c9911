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
int code_bits(KvType type) noexcept {
  return type == KvType::kInt8 ? 8 : type == KvType::kInt4 ? 4 : 0;
}

float* scales(KvType type, std::int64_t head_dim, std::byte* block) noexcept {
  return reinterpret_cast<float*>(block + kv_code_bytes(code_bits(type), head_dim));
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

// The same of nibbles: where the byte of dimension d lies, and that of the dimension that shares it
// at d + other (d / other is even).
struct NibblePlaces {
  std::int64_t first, other, quad, one, pair;

  std::int64_t at(std::int64_t d) const noexcept {
    return first + d / (2 * other) * pair + d % other / 4 * quad + d % 4 * one;
  }
};

NibblePlaces key_nibbles(std::int64_t head_dim, std::int64_t at) noexcept {
  return {at / 16 * 8 * byte_block_dims(head_dim) + at % 16 * 4, 4, 0, 1, 64};
}

NibblePlaces value_nibbles(std::int64_t at) noexcept {
  return {at / 4 * 64 + at % 4, 16, 16, 4, 16 * kKvPageTokens};
}

// Calls put(byte's place, d, d + other) for each byte; the latter may be past the head.
template <typename Put>
void each_byte(std::int64_t head_dim, const NibblePlaces& places, Put put) noexcept {
  for (std::int64_t pair = 0; pair < head_dim; pair += 2 * places.other) {
    for (std::int64_t d = pair; d < std::min(pair + places.other, head_dim); ++d) {
      put(places.at(d), d, d + places.other);
    }
  }
}

// x, turned, as nibbles with one scale, which is returned.
float store_nibbles(const float* x, std::int64_t head_dim, const NibblePlaces& places,
                    std::byte* block) noexcept {
  float turned[kMaxKvHeadDim];
  std::int8_t codes[kMaxKvHeadDim + 16];
  std::copy(x, x + head_dim, turned);
  rotate(turned, head_dim);
  const float scale = kernels().forward.quantize_nibbles(turned, head_dim, codes);
  std::fill_n(codes + head_dim, 16, std::int8_t{0});
  each_byte(head_dim, places, [&](std::int64_t at, std::int64_t low, std::int64_t high) {
    block[at] = static_cast<std::byte>(codes[low] | codes[high] << 4);
  });
  return scale;
}

// x as bytes with one scale, which is returned.
float store_bytes(const float* x, std::int64_t head_dim, const BytePlaces& places,
                  std::byte* block) noexcept {
  std::int8_t bytes[kMaxKvHeadDim];
  const float scale = kernels().forward.quantize_vector(x, head_dim, bytes);
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

std::size_t element_bytes(KvType type) { return type == KvType::kF32 ? 4 : 2; }

// Zeros the positions from `from` on: calls clear(position) for each.
template <typename Clear>
void clear_codes(KvType type, std::int64_t head_dim, std::int64_t from, std::byte* block,
                 Clear clear) noexcept {
  for (std::int64_t at = from; at < kKvPageTokens; ++at) clear(at);
  float* const first = scales(type, head_dim, block);
  std::fill(first + from, first + kKvPageTokens, 0.0F);
}

void clear_bytes(std::int64_t head_dim, const BytePlaces& places, std::byte* block) noexcept {
  for (std::int64_t d = 0; d < byte_block_dims(head_dim); ++d) block[places.at(d)] = std::byte{0};
}

void clear_nibbles(std::int64_t head_dim, const NibblePlaces& places, std::byte* block) noexcept {
  each_byte(head_dim, places,
            [&](std::int64_t at, std::int64_t, std::int64_t) { block[at] = std::byte{0}; });
}

}  // namespace

void store_key(KvType type, std::int64_t head_dim, std::int64_t at, const float* x,
               std::byte* block) noexcept {
  if (type == KvType::kInt8) {
    scales(type, head_dim, block)[at] = store_bytes(x, head_dim, key_places(head_dim, at), block);
  } else if (type == KvType::kInt4) {
    scales(type, head_dim, block)[at] =
        store_nibbles(x, head_dim, key_nibbles(head_dim, at), block);
  } else {
    store(type, head_dim, x, block, [=](auto first, auto count, const auto* from, auto* to) {
      scatter(from, count, head_dim, at, first, to);
    });
  }
}

void store_value(KvType type, std::int64_t head_dim, std::int64_t at, const float* x,
                 std::byte* block) noexcept {
  if (type == KvType::kInt8) {
    scales(type, head_dim, block)[at] = store_bytes(x, head_dim, value_places(at), block);
  } else if (type == KvType::kInt4) {
    scales(type, head_dim, block)[at] = store_nibbles(x, head_dim, value_nibbles(at), block);
  } else {
    store(type, head_dim, x, block, [=](auto first, auto count, const auto* from, auto* to) {
      std::copy(from, from + count, to + at * head_dim + first);
    });
  }
}

void clear_keys(KvType type, std::int64_t head_dim, std::int64_t from, std::byte* block) noexcept {
  if (code_bits(type) != 0) {
    return clear_codes(type, head_dim, from, block, [=](std::int64_t at) {
      type == KvType::kInt8 ? clear_bytes(head_dim, key_places(head_dim, at), block)
                            : clear_nibbles(head_dim, key_nibbles(head_dim, at), block);
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
  if (code_bits(type) != 0) {
    return clear_codes(type, head_dim, from, block, [=](std::int64_t at) {
      type == KvType::kInt8 ? clear_bytes(head_dim, value_places(at), block)
                            : clear_nibbles(head_dim, value_nibbles(at), block);
    });
  }
  const std::size_t row = static_cast<std::size_t>(head_dim) * element_bytes(type);
  std::memset(block + static_cast<std::size_t>(from) * row, 0,
              static_cast<std::size_t>(kKvPageTokens - from) * row);
}

}  // namespace lathe
