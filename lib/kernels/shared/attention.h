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

// o[0, dims) = o·c + Σ p[t]·v[t]: `Width` registers of output at a time.
template <typename Cache, int Width>
void accumulate_values(const float* p, std::int64_t count, const typename Cache::Element* v,
                       std::int64_t stride, Lanes c, float* o) noexcept {
  Lanes acc[Width];
  for (int i = 0; i < Width; ++i) acc[i] = mul(Lanes::load(o + 16 * i), c);
  for (std::int64_t t = 0; t < count; ++t) {
    const Lanes weight = Lanes::all(p[t]);
    for (int i = 0; i < Width; ++i) {
      acc[i] = fma(weight, Cache::load(v + t * stride + 16 * i), acc[i]);
    }
  }
  for (int i = 0; i < Width; ++i) acc[i].store(o + 16 * i);
}

template <typename Cache>
void accumulate_part(const float* p, std::int64_t count, const typename Cache::Element* v,
                     std::int64_t stride, Lanes c, std::int64_t left, float* o) noexcept {
  Lanes acc = mul(Lanes::load(o, left), c);
  for (std::int64_t t = 0; t < count; ++t) {
    acc = fma(Lanes::all(p[t]), Cache::load(v + t * stride, left), acc);
  }
  acc.store(o, left);
}

template <typename Cache>
void attend(const float* q, std::int64_t queries, std::int64_t head_dim,
            const typename Cache::Element* keys, const typename Cache::Element* values,
            std::int64_t stride, const std::int32_t* first, const std::int32_t* last, float* m,
            float* l, float* o) noexcept {
  for (std::int64_t row = 0; row < queries; ++row) {
    const std::int64_t begin = first[row];
    const std::int64_t count = last[row] - begin;
    if (count <= 0) continue;
    alignas(64) float p[kMaxPage];
    matvec_strided<Cache>(keys + begin * stride, stride, count, head_dim, q + row * head_dim, 0, 1,
                          p, 0);

    Lanes high = Lanes::all(m[row]);
    each_sixteen(
        count, [&](std::int64_t i) { high = max(high, Lanes::load(p + i)); },
        [&](std::int64_t i, std::int64_t left) {
          for (std::int64_t j = i; j < i + left; ++j) high = max(high, Lanes::all(p[j]));
        });
    const float top = largest(high);
    alignas(64) float shrink[16];
    exponential(Lanes::all(m[row] - top)).store(shrink);
    m[row] = top;
    each_sixteen(
        count,
        [&](std::int64_t i) { exponential(sub(Lanes::load(p + i), Lanes::all(top))).store(p + i); },
        [&](std::int64_t i, std::int64_t left) {
          exponential(sub(Lanes::load(p + i, left), Lanes::all(top))).store(p + i, left);
        });
    Lanes partial = Lanes::zero();
    each_sixteen(
        count, [&](std::int64_t i) { partial = add(partial, Lanes::load(p + i)); },
        [&](std::int64_t i, std::int64_t left) {
          partial = add(partial, Lanes::load(p + i, left));
        });
    l[row] = fma1(l[row], shrink[0], sum(partial));

    const Lanes c = Lanes::all(shrink[0]);
    const typename Cache::Element* v = values + begin * stride;
    float* out = o + row * head_dim;
    std::int64_t d = 0;
    for (; d + 64 <= head_dim; d += 64) {
      accumulate_values<Cache, 4>(p, count, v + d, stride, c, out + d);
    }
    for (; d + 16 <= head_dim; d += 16) {
      accumulate_values<Cache, 1>(p, count, v + d, stride, c, out + d);
    }
    if (d < head_dim) accumulate_part<Cache>(p, count, v + d, stride, c, head_dim - d, out + d);
  }
}

}  // namespace
}  // namespace lathe
