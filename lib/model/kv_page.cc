#include "model/kv_page.h"

#include <algorithm>
#include <cstring>

#include "kernels/conversion_kernels.h"
#include "kernels/forward_kernels.h"
#include "kernels/select.h"

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

// The same with signed bytes, and the scale of them all.
template <typename Put>
float to_bytes(const float* x, std::int64_t n, Put put) noexcept {
  std::int8_t bytes[kMaxKvHeadDim];
  const float scale = kernels().forward.quantize_vector(x, n, bytes);
  put(0, n, bytes);
  return scale;
}

float* scales(std::byte* block, std::int64_t head_dim) noexcept {
  return reinterpret_cast<float*>(block + kKvPageTokens * head_dim);
}

// Calls put(first, count, elements from there, the page's elements) for the pieces of x in the
// page's type, and keeps the scale of position `at` where that type has one.
template <typename Put>
void store(KvType type, std::int64_t head_dim, std::int64_t at, const float* x, std::byte* block,
           Put put) noexcept {
  const auto into = [put](auto* to) {
    return [=](std::int64_t first, std::int64_t count, const auto* from) {
      put(first, count, from, to);
    };
  };
  switch (type) {
    case KvType::kF32:
      into(reinterpret_cast<float*>(block))(0, head_dim, x);
      break;
    case KvType::kF16:
      to_halves(x, head_dim, into(reinterpret_cast<std::uint16_t*>(block)));
      break;
    case KvType::kInt8:
      scales(block, head_dim)[at] =
          to_bytes(x, head_dim, into(reinterpret_cast<std::int8_t*>(block)));
      break;
  }
}

std::size_t element_bytes(KvType type) {
  return type == KvType::kF32 ? 4 : type == KvType::kF16 ? 2 : 1;
}

void clear_scales(KvType type, std::int64_t head_dim, std::int64_t from, std::byte* block) {
  if (type != KvType::kInt8) return;
  float* all = scales(block, head_dim);
  std::fill(all + from, all + kKvPageTokens, 0.0F);
}

}  // namespace

void store_key(KvType type, std::int64_t head_dim, std::int64_t at, const float* x,
               std::byte* block) noexcept {
  store(type, head_dim, at, x, block, [=](auto first, auto count, const auto* from, auto* to) {
    scatter(from, count, head_dim, at, first, to);
  });
}

void store_value(KvType type, std::int64_t head_dim, std::int64_t at, const float* x,
                 std::byte* block) noexcept {
  store(type, head_dim, at, x, block, [=](auto first, auto count, const auto* from, auto* to) {
    std::copy(from, from + count, to + at * head_dim + first);
  });
}

void clear_keys(KvType type, std::int64_t head_dim, std::int64_t from, std::byte* block) noexcept {
  const std::size_t width = element_bytes(type);
  const auto at = static_cast<std::size_t>(from % 16) * width;
  std::byte* group = block + static_cast<std::size_t>(from / 16 * 16 * head_dim) * width;
  std::byte* const end = block + static_cast<std::size_t>(kKvPageTokens * head_dim) * width;
  if (at != 0) {
    std::byte* const next = group + static_cast<std::size_t>(16 * head_dim) * width;
    for (; group < next; group += 16 * width) std::memset(group + at, 0, 16 * width - at);
  }
  std::memset(group, 0, static_cast<std::size_t>(end - group));
  clear_scales(type, head_dim, from, block);
}

void clear_values(KvType type, std::int64_t head_dim, std::int64_t from,
                  std::byte* block) noexcept {
  const std::size_t row = static_cast<std::size_t>(head_dim) * element_bytes(type);
  std::memset(block + static_cast<std::size_t>(from) * row, 0,
              static_cast<std::size_t>(kKvPageTokens - from) * row);
  clear_scales(type, head_dim, from, block);
}

}  // namespace lathe
