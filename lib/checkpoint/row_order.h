// The two orders of the rows of q and k, and the way between them.
//
// Rotary embedding turns pairs of a head's dimensions. Hugging Face pairs dimension j with
// j + d/2 ("half" order); GGUF's llama family and llama2.c pair 2j with 2j + 1 ("interleaved").
// Between them the rows of each head are permuted; head of d = 6:
//
//   half         0 1 2 | 3 4 5        row j of half order is the first member of pair j,
//   interleaved  0 3 1 4 2 5          row j + d/2 the second one
//
// Where only the first d dimensions of a head turn, its others keep their places. Whole rows
// move, so blocks of quantized types stay as they are.
#pragma once

#include <cstdint>

namespace lathe {

// The rows of one head, of which the first `turned` are in rotary order.
struct HeadRows {
  std::int64_t dims = 0;
  std::int64_t turned = 0;
};

// Where row `row` of half order stands in interleaved order. Rows count over all heads.
constexpr std::int64_t interleaved_of_half(std::int64_t row, const HeadRows& rows) noexcept {
  const std::int64_t within = row % rows.dims;
  if (within >= rows.turned) return row;
  const std::int64_t half = rows.turned / 2;
  return row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
}

// The inverse.
constexpr std::int64_t half_of_interleaved(std::int64_t row, const HeadRows& rows) noexcept {
  const std::int64_t within = row % rows.dims;
  if (within >= rows.turned) return row;
  return row - within + within / 2 + (within % 2 == 0 ? 0 : rows.turned / 2);
}

}  // namespace lathe
