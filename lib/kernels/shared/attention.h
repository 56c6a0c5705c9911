// One page of keys and values against a few query rows: an online-softmax block. Included
// by each table after its lanes.h.
//
// Per query row and page, in this order:
//   s[t] = Σ q[d]·k[t][d], one FMA per element in increasing d (int8: then times the key's scale)
//   m'   = max(m, max s),  c = e^(m - m'),  p[t] = e^(s[t] - m')
//   l'   = l·c + Σ p: partial sum t mod 16 of position t, then the tree of kernel_table.h
//   o'   = o·c, then o' += p[t]·v[t] for t in increasing order, one FMA each (int8: p[t] is
//          multiplied with the value's scale first)
//
// While keys are read, the values of the page are on their way, and with the values the next
// page's keys: a step reads what it asks for once, and a processor's own prefetching is slow
// to find the start of each page.
//
// Keys lie sixteen positions side by side, so that a register holds sixteen scores and nothing
// is summed across lanes; values lie position after position, so that a register holds sixteen
// dimensions of the output. Up to kAttendQueries rows share each key and value that is loaded.
#pragma once

#include "kernels/shared/elementwise.h"
#include "kernels/shared/matvec.h"

namespace lathe {
namespace {

constexpr int kPage = 64;            // kKvPageTokens
constexpr int kGroups = kPage / 16;  // of keys
constexpr float kUnseen = -__builtin_inff();

struct F32Cache : F32Weights {
  static constexpr bool kScaled = false;
};
struct F16Cache : F16Weights {
  static constexpr bool kScaled = false;
};
struct Int8Cache {
  using Element = std::int8_t;
  static constexpr bool kScaled = true;
  static Lanes load(const Element* p) noexcept { return load_s8(p); }
  static Lanes load(const Element* p, std::int64_t n) noexcept { return load_s8(p, n); }
};

// Asks for the bytes of another block that lie where a register's worth is read in this one.
template <typename Cache>
void ask_ahead(const void* block, std::int64_t element, int registers) noexcept {
  const char* at = static_cast<const char*>(block) +
                   element * static_cast<std::int64_t>(sizeof(typename Cache::Element));
  const int bytes = registers * 16 * static_cast<int>(sizeof(typename Cache::Element));
  for (int i = 0; i < bytes; i += 64) prefetch(at + i);
}

// A [64][head_dim] block of the cache and, of int8, the scales behind it.
template <typename Cache>
struct Block {
  Block(const void* block, std::int64_t head_dim) noexcept
      : elements(static_cast<const typename Cache::Element*>(block)),
        scales(reinterpret_cast<const float*>(elements + kPage * head_dim)) {}

  const typename Cache::Element* elements;
  const float* scales;
};

// Scores of `Queries` rows with `Groups` groups of sixteen keys.
template <typename Cache, int Groups, int Queries>
void score_groups(const float* q, std::int64_t head_dim, const typename Cache::Element* keys,
                  const void* ahead, float* p) noexcept {
  Lanes acc[Queries][Groups];
  for (int i = 0; i < Queries; ++i) {
    for (int g = 0; g < Groups; ++g) acc[i][g] = Lanes::zero();
  }
  for (std::int64_t d = 0; d < head_dim; ++d) {
    ask_ahead<Cache>(ahead, d * 16 * Groups, Groups);
    Lanes key[Groups];
    for (int g = 0; g < Groups; ++g) key[g] = Cache::load(keys + (g * head_dim + d) * 16);
    for (int i = 0; i < Queries; ++i) {
      const Lanes weight = Lanes::all(q[i * head_dim + d]);
      for (int g = 0; g < Groups; ++g) acc[i][g] = fma(weight, key[g], acc[i][g]);
    }
  }
  for (int i = 0; i < Queries; ++i) {
    for (int g = 0; g < Groups; ++g) acc[i][g].store(p + i * kPage + 16 * g);
  }
}

// o[row] += Σ p[row][t]·v[t], t in [from, to), for `Queries` rows and `Width` registers of
// output each.
template <typename Cache, int Width, int Queries>
void add_values(const float* p, std::int64_t from, std::int64_t to,
                const typename Cache::Element* values, std::int64_t head_dim, const void* ahead,
                float* o) noexcept {
  Lanes acc[Queries][Width];
  for (int q = 0; q < Queries; ++q) {
    for (int i = 0; i < Width; ++i) acc[q][i] = Lanes::load(o + q * head_dim + 16 * i);
  }
  for (std::int64_t t = from; t < to; ++t) {
    ask_ahead<Cache>(ahead, t * 16 * Width, Width);
    Lanes value[Width];
    for (int i = 0; i < Width; ++i) value[i] = Cache::load(values + t * head_dim + 16 * i);
    for (int q = 0; q < Queries; ++q) {
      const Lanes weight = Lanes::all(p[q * kPage + t]);
      for (int i = 0; i < Width; ++i) acc[q][i] = fma(weight, value[i], acc[q][i]);
    }
  }
  for (int q = 0; q < Queries; ++q) {
    for (int i = 0; i < Width; ++i) acc[q][i].store(o + q * head_dim + 16 * i);
  }
}

// The last dimensions, fewer than sixteen.
template <typename Cache>
void add_values_part(const float* p, std::int64_t from, std::int64_t to,
                     const typename Cache::Element* values, std::int64_t head_dim,
                     std::int64_t left, float* o) noexcept {
  Lanes acc = Lanes::load(o, left);
  for (std::int64_t t = from; t < to; ++t) {
    acc = fma(Lanes::all(p[t]), Cache::load(values + t * head_dim, left), acc);
  }
  acc.store(o, left);
}

template <typename Cache, int Queries>
void add_range(const float* p, std::int64_t from, std::int64_t to,
               const typename Cache::Element* values, std::int64_t head_dim,
               const typename Cache::Element* ahead, float* o) noexcept {
  constexpr int kWidth = Queries == 1 ? 4 : kValueWidth;
  std::int64_t d = 0;
  for (; d + 16 * kWidth <= head_dim; d += 16 * kWidth) {
    add_values<Cache, kWidth, Queries>(p, from, to, values + d, head_dim, ahead + d * kPage, o + d);
  }
  for (; d + 16 <= head_dim; d += 16) {
    add_values<Cache, 1, Queries>(p, from, to, values + d, head_dim, ahead + d * kPage, o + d);
  }
  for (int i = 0; d < head_dim && i < Queries; ++i) {
    add_values_part<Cache>(p + i * kPage, from, to, values + d, head_dim, head_dim - d,
                           o + i * head_dim + d);
  }
}

// Scores of positions [first, last) to weights, in place: p = e^(s - m'), zero for the other
// positions of their groups; m and l are brought up to date. Returns what the output so far
// is multiplied with.
float weigh(float* p, std::int64_t first, std::int64_t last, float* m, float* l) noexcept {
  const std::int64_t begin = first / 16 * 16;
  const std::int64_t end = (last + 15) / 16 * 16;
  for (std::int64_t t = begin; t < first; ++t) p[t] = kUnseen;
  for (std::int64_t t = last; t < end; ++t) p[t] = kUnseen;
  Lanes high = Lanes::all(*m);
  for (std::int64_t t = begin; t < end; t += 16) high = max(high, Lanes::load(p + t));
  const float largest_now = largest(high);
  const Lanes top = Lanes::all(largest_now);
  Lanes partial = Lanes::zero();
  for (std::int64_t t = begin; t < end; t += 16) {
    const Lanes e = exponential(sub(Lanes::load(p + t), top));
    e.store(p + t);
    partial = add(partial, e);
  }
  float shrink[16] = {1.0f};  // e^0 is exactly 1
  if (*m != largest_now) exponential(sub(Lanes::all(*m), top)).store(shrink);
  *m = largest_now;
  *l = fma1(*l, shrink[0], sum(partial));
  return shrink[0];
}

void multiply(float* x, std::int64_t from, std::int64_t to, const float* scales) noexcept {
  for (std::int64_t t = from; t < to; t += 16) {
    mul(Lanes::load(x + t), Lanes::load(scales + t)).store(x + t);
  }
}

// `Queries` rows, each of which sees at least one key.
template <typename Cache, int Queries>
void attend_rows(const float* q, std::int64_t head_dim, const Block<Cache>& keys,
                 const Block<Cache>& values, const Block<Cache>& next, const std::int32_t* first,
                 const std::int32_t* last, float* m, float* l, float* o) noexcept {
  std::int64_t lowest = kPage;
  std::int64_t highest = 0;
  std::int64_t shared_from = 0;
  std::int64_t shared_to = kPage;
  for (int i = 0; i < Queries; ++i) {
    lowest = first[i] < lowest ? first[i] : lowest;
    highest = last[i] > highest ? last[i] : highest;
    shared_from = first[i] > shared_from ? first[i] : shared_from;
    shared_to = last[i] < shared_to ? last[i] : shared_to;
  }
  const std::int64_t groups_end = (highest + 15) / 16;
  float p[Queries][kPage];
  std::int64_t g = lowest / 16;
  for (; g + kScoreGroups <= groups_end; g += kScoreGroups) {
    const std::int64_t offset = g * 16 * head_dim;
    score_groups<Cache, kScoreGroups, Queries>(q, head_dim, keys.elements + offset,
                                               values.elements + offset, p[0] + 16 * g);
  }
  for (; g < groups_end; ++g) {
    const std::int64_t offset = g * 16 * head_dim;
    score_groups<Cache, 1, Queries>(q, head_dim, keys.elements + offset, values.elements + offset,
                                    p[0] + 16 * g);
  }
  for (int i = 0; i < Queries; ++i) {
    const std::int64_t from = first[i] / 16 * 16;
    const std::int64_t to = (last[i] + 15) / 16 * 16;
    if constexpr (Cache::kScaled) multiply(p[i], from, to, keys.scales);
    const float c = weigh(p[i], first[i], last[i], m + i, l + i);
    if constexpr (Cache::kScaled) multiply(p[i], from, to, values.scales);
    if (c == 1.0f) continue;
    float* out = o + i * head_dim;
    const Lanes shrink = Lanes::all(c);
    each_sixteen(
        head_dim, [&](std::int64_t d) { mul(Lanes::load(out + d), shrink).store(out + d); },
        [&](std::int64_t d, std::int64_t left) {
          mul(Lanes::load(out + d, left), shrink).store(out + d, left);
        });
  }
  if (shared_from >= shared_to) shared_from = shared_to = highest;
  // What only some rows see comes before and after what all see.
  for (int i = 0; i < Queries; ++i) {
    const std::int64_t to = last[i] < shared_from ? last[i] : shared_from;
    if (first[i] < to) {
      add_range<Cache, 1>(p[i], first[i], to, values.elements, head_dim, next.elements,
                          o + i * head_dim);
    }
  }
  add_range<Cache, Queries>(p[0], shared_from, shared_to, values.elements, head_dim, next.elements,
                            o);
  for (int i = 0; i < Queries; ++i) {
    if (shared_to < last[i]) {
      add_range<Cache, 1>(p[i], shared_to, last[i], values.elements, head_dim, next.elements,
                          o + i * head_dim);
    }
  }
}

template <typename Cache, int Queries = kAttendQueries>
void attend_count(std::int64_t queries, const float* q, std::int64_t head_dim,
                  const Block<Cache>& keys, const Block<Cache>& values, const Block<Cache>& next,
                  const std::int32_t* first, const std::int32_t* last, float* m, float* l,
                  float* o) noexcept {
  if (queries == Queries) {
    attend_rows<Cache, Queries>(q, head_dim, keys, values, next, first, last, m, l, o);
  } else if constexpr (Queries > 1) {
    attend_count<Cache, Queries - 1>(queries, q, head_dim, keys, values, next, first, last, m, l,
                                     o);
  }
}

template <typename Cache>
void attend(const float* q, std::int64_t queries, std::int64_t head_dim, const void* keys,
            const void* values, const void* next_keys, const std::int32_t* first,
            const std::int32_t* last, float* m, float* l, float* o) noexcept {
  const Block<Cache> key_block(keys, head_dim);
  const Block<Cache> value_block(values, head_dim);
  const Block<Cache> next_block(next_keys, head_dim);
  for (std::int64_t row = 0; row < queries;) {
    if (first[row] >= last[row]) {
      ++row;
      continue;
    }
    std::int64_t end = row + 1;
    while (end < queries && first[end] < last[end]) ++end;
    // In blocks as even as they come.
    for (std::int64_t left = (end - row + kAttendQueries - 1) / kAttendQueries; left > 0; --left) {
      const std::int64_t rows = (end - row + left - 1) / left;
      attend_count<Cache>(rows, q + row * head_dim, head_dim, key_block, value_block, next_block,
                          first + row, last + row, m + row, l + row, o + row * head_dim);
      row += rows;
    }
  }
}

}  // namespace
}  // namespace lathe
