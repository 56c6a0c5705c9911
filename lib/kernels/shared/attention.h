// One page of keys and values against a few query rows: an online-softmax block. Included
// by each table after its lanes.h.
//
// Per query row and page, in this order:
//   s[t] = q · k[t], each in the reduction order of kernel_table.h
//   m'   = max(m, max s),  c = e^(m - m'),  p[t] = e^(s[t] - m')
//   l'   = l·c + Σ p (reduction order, counted from the first visible key)
//   o'   = o·c, then o' += p[t]·v[t] for t in increasing order, one FMA each
#pragma once

#include "kernels/shared/elementwise.h"
#include "kernels/shared/matvec.h"

namespace lathe {
namespace {

constexpr std::int64_t kMaxPage = 64;  // kKvPageTokens

// o[row] = o[row]·c[row] + Σ p[row][t]·v[t] for `Queries` rows, `Width` registers of output
// each: a value is converted once for all rows.
template <typename Cache, int Width, int Queries>
void add_values(const float* p, std::int64_t count, const typename Cache::Element* v,
                std::int64_t stride, const float* c, float* o, std::int64_t o_stride) noexcept {
  Lanes acc[Queries][Width];
  for (int q = 0; q < Queries; ++q) {
    for (int i = 0; i < Width; ++i) {
      acc[q][i] = mul(Lanes::load(o + q * o_stride + 16 * i), Lanes::all(c[q]));
    }
  }
  for (std::int64_t t = 0; t < count; ++t) {
    Lanes value[Width];
    for (int i = 0; i < Width; ++i) value[i] = Cache::load(v + t * stride + 16 * i);
    for (int q = 0; q < Queries; ++q) {
      const Lanes weight = Lanes::all(p[q * kMaxPage + t]);
      for (int i = 0; i < Width; ++i) acc[q][i] = fma(weight, value[i], acc[q][i]);
    }
  }
  for (int q = 0; q < Queries; ++q) {
    for (int i = 0; i < Width; ++i) acc[q][i].store(o + q * o_stride + 16 * i);
  }
}

// The last dimensions, fewer than sixteen.
template <typename Cache>
void add_values_part(const float* p, std::int64_t count, const typename Cache::Element* v,
                     std::int64_t stride, float c, std::int64_t left, float* o) noexcept {
  Lanes acc = mul(Lanes::load(o, left), Lanes::all(c));
  for (std::int64_t t = 0; t < count; ++t) {
    acc = fma(Lanes::all(p[t]), Cache::load(v + t * stride, left), acc);
  }
  acc.store(o, left);
}

// Scores to weights, in place: p = e^(s - m'), and m and l brought up to date. Returns what
// the output so far is multiplied with.
float weigh(float* p, std::int64_t count, float* m, float* l) noexcept {
  Lanes high = Lanes::all(*m);
  each_sixteen(
      count, [&](std::int64_t i) { high = max(high, Lanes::load(p + i)); },
      [&](std::int64_t i, std::int64_t left) {
        for (std::int64_t j = i; j < i + left; ++j) high = max(high, Lanes::all(p[j]));
      });
  const Lanes top = Lanes::all(largest(high));
  float shrink[16];
  exponential(sub(Lanes::all(*m), top)).store(shrink);
  Lanes partial = Lanes::zero();
  each_sixteen(
      count,
      [&](std::int64_t i) {
        const Lanes e = exponential(sub(Lanes::load(p + i), top));
        e.store(p + i);
        partial = add(partial, e);
      },
      [&](std::int64_t i, std::int64_t left) {
        exponential(sub(Lanes::load(p + i, left), top)).store(p + i, left);
        partial = add(partial, Lanes::load(p + i, left));
      });
  top.store(m, 1);
  *l = fma1(*l, shrink[0], sum(partial));
  return shrink[0];
}

// `Queries` rows that see the same `count` keys.
template <typename Cache, int Queries>
void attend_rows(const float* q, std::int64_t head_dim, const typename Cache::Element* keys,
                 const typename Cache::Element* values, std::int64_t stride, std::int64_t count,
                 float* m, float* l, float* o) noexcept {
  float p[Queries][kMaxPage];
  float c[Queries];
  matvec_inputs<Cache, Queries>(keys, stride, count, head_dim, q, head_dim, p[0], kMaxPage);
  for (int i = 0; i < Queries; ++i) c[i] = weigh(p[i], count, m + i, l + i);
  constexpr int kWidth = Queries == 1 ? 4 : kValueWidth;
  std::int64_t d = 0;
  for (; d + 16 * kWidth <= head_dim; d += 16 * kWidth) {
    add_values<Cache, kWidth, Queries>(p[0], count, values + d, stride, c, o + d, head_dim);
  }
  for (; d + 16 <= head_dim; d += 16) {
    add_values<Cache, 1, Queries>(p[0], count, values + d, stride, c, o + d, head_dim);
  }
  for (int i = 0; d < head_dim && i < Queries; ++i) {
    add_values_part<Cache>(p[i], count, values + d, stride, c[i], head_dim - d,
                           o + i * head_dim + d);
  }
}

template <typename Cache, int Queries = kMatvecBatch>
void attend_count(const float* q, std::int64_t queries, std::int64_t head_dim,
                  const typename Cache::Element* keys, const typename Cache::Element* values,
                  std::int64_t stride, std::int64_t count, float* m, float* l, float* o) noexcept {
  if (queries == Queries) {
    attend_rows<Cache, Queries>(q, head_dim, keys, values, stride, count, m, l, o);
  } else if constexpr (Queries > 1) {
    attend_count<Cache, Queries - 1>(q, queries, head_dim, keys, values, stride, count, m, l, o);
  }
}

template <typename Cache>
void attend(const float* q, std::int64_t queries, std::int64_t head_dim,
            const typename Cache::Element* keys, const typename Cache::Element* values,
            std::int64_t stride, const std::int32_t* first, const std::int32_t* last, float* m,
            float* l, float* o) noexcept {
  for (std::int64_t row = 0; row < queries;) {
    // Rows that see the same keys go together, in blocks as even as they come.
    std::int64_t end = row + 1;
    while (end < queries && first[end] == first[row] && last[end] == last[row]) ++end;
    const std::int64_t begin = first[row];
    const std::int64_t count = last[row] - begin;
    for (std::int64_t left = (end - row + kMatvecBatch - 1) / kMatvecBatch; left > 0; --left) {
      const std::int64_t rows = (end - row + left - 1) / left;
      if (count > 0) {
        attend_count<Cache>(q + row * head_dim, rows, head_dim, keys + begin * stride,
                            values + begin * stride, stride, count, m + row, l + row,
                            o + row * head_dim);
      }
      row += rows;
    }
  }
}

}  // namespace
}  // namespace lathe
