// One page of keys and values against a few query rows: an online-softmax block. Included
// by each table after its lanes.h. Pages in integers are in attention_codes.h.
//
// Per query row and page, in this order:
//   s[t] = Σ q[d]·k[t][d], one FMA per element in increasing d, then under the soft cap
//          where there is one
//   m'   = max(m, max s),  c = e^(m - m'),  p[t] = e^(s[t] - m')
//   l'   = l·c + Σ p: partial sum t mod 16 of position t, then the tree of kernel_table.h
//   o'   = o·c, then o' += p[t]·v[t] for t in increasing order, one FMA each
//
// While keys are read, the values of the page are on their way, and with the values the next
// page's keys: a step reads what it asks for once, and a processor's own prefetching is slow
// to find the start of each page.
//
// Keys lie sixteen positions side by side, so that a register holds sixteen scores and nothing
// is summed across lanes; values lie position after position, so that a register holds sixteen
// dimensions of the output. Up to kAttendQueries rows share each key and value that is loaded:
// many rows take one register of keys at a time, few rows several (attend_registers), so that
// there are sums enough to hide the latency of the FMA. The rows' maxima, sums and shrinking
// factors are computed side by side.
#pragma once

#include "kernels/forward_kernels.h"
#include "kernels/shared/elementwise.h"
#include "kernels/shared/matvec.h"

namespace lathe {
namespace {

constexpr int kPage = static_cast<int>(kKvPageTokens);
constexpr int kGroups = kPage / 16;  // of keys
constexpr float kUnseen = -__builtin_inff();

using F32Cache = F32Weights;
using F16Cache = F16Weights;

// Asks for the bytes of another block that lie where step i of a loop over this one, which reads
// some registers at each step, has its own: line by line.
template <typename Cache, int Registers>
void ask_ahead(const void* block, std::int64_t i) noexcept {
  constexpr int kStep = Registers * 16 * static_cast<int>(sizeof(typename Cache::Element));
  const char* at = static_cast<const char*>(block) + i * kStep;
  if (kStep < 64 && i * kStep % 64 != 0) return;
  for (int line = 0; line < kStep; line += 64) prefetch(at + line);
}

// Scores of `Queries` rows with `Groups` groups of sixteen keys.
template <typename Cache, int Groups, int Queries>
void score_groups(const float* q, std::int64_t head_dim, const typename Cache::Element* keys,
                  const void* ahead, float* p) noexcept {
  Lanes acc[Queries][Groups];
#pragma GCC unroll 16
  for (int i = 0; i < Queries; ++i) {
#pragma GCC unroll 16
    for (int g = 0; g < Groups; ++g) acc[i][g] = Lanes::zero();
  }
  for (std::int64_t d = 0; d < head_dim; ++d) {
    ask_ahead<Cache, Groups>(ahead, d);
    Lanes key[Groups];
#pragma GCC unroll 16
    for (int g = 0; g < Groups; ++g) key[g] = Cache::load(keys + (g * head_dim + d) * 16);
#pragma GCC unroll 16
    for (int i = 0; i < Queries; ++i) {
      const Lanes weight = Lanes::all(q[i * head_dim + d]);
#pragma GCC unroll 16
      for (int g = 0; g < Groups; ++g) acc[i][g] = fma(weight, key[g], acc[i][g]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Queries; ++i) {
#pragma GCC unroll 16
    for (int g = 0; g < Groups; ++g) acc[i][g].store(p + i * kPage + 16 * g);
  }
}

// Scores of `rows` rows with the groups [from, to) of the page. `ahead` lies as the keys do.
template <typename Cache, int Queries = kAttendQueries>
void score(std::int64_t rows, const float* q, std::int64_t head_dim,
           const typename Cache::Element* keys, const typename Cache::Element* ahead,
           std::int64_t from, std::int64_t to, float* p) noexcept {
  if constexpr (Queries > 1) {
    if (rows < Queries) {
      return score<Cache, Queries - 1>(rows, q, head_dim, keys, ahead, from, to, p);
    }
  }
  constexpr int kTogether = attend_registers(Queries);
  std::int64_t g = from;
  for (; g + kTogether <= to; g += kTogether) {
    const std::int64_t at = g * 16 * head_dim;
    score_groups<Cache, kTogether, Queries>(q, head_dim, keys + at, ahead + at, p + 16 * g);
  }
  if constexpr (kTogether == 1) return;
  for (; g < to; ++g) {
    const std::int64_t at = g * 16 * head_dim;
    score_groups<Cache, 1, Queries>(q, head_dim, keys + at, ahead + at, p + 16 * g);
  }
}

// o[row] += Σ p[row][t]·v[t], t in [from, to), for `Queries` rows and `Width` registers of
// output each.
template <typename Cache, int Width, int Queries>
void add_values(const float* p, std::int64_t from, std::int64_t to,
                const typename Cache::Element* values, std::int64_t head_dim, const void* ahead,
                float* o) noexcept {
  Lanes acc[Queries][Width];
#pragma GCC unroll 16
  for (int q = 0; q < Queries; ++q) {
#pragma GCC unroll 16
    for (int i = 0; i < Width; ++i) acc[q][i] = Lanes::load(o + q * head_dim + 16 * i);
  }
  for (std::int64_t t = from; t < to; ++t) {
    ask_ahead<Cache, Width>(ahead, t);
    Lanes value[Width];
#pragma GCC unroll 16
    for (int i = 0; i < Width; ++i) value[i] = Cache::load(values + t * head_dim + 16 * i);
#pragma GCC unroll 16
    for (int q = 0; q < Queries; ++q) {
      const Lanes weight = Lanes::all(p[q * kPage + t]);
#pragma GCC unroll 16
      for (int i = 0; i < Width; ++i) acc[q][i] = fma(weight, value[i], acc[q][i]);
    }
  }
#pragma GCC unroll 16
  for (int q = 0; q < Queries; ++q) {
#pragma GCC unroll 16
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

// All dimensions of `rows` rows.
template <typename Cache, int Queries = kAttendQueries>
void add_range(std::int64_t rows, const float* p, std::int64_t from, std::int64_t to,
               const typename Cache::Element* values, std::int64_t head_dim,
               const typename Cache::Element* ahead, float* o) noexcept {
  if constexpr (Queries > 1) {
    if (rows < Queries) {
      return add_range<Cache, Queries - 1>(rows, p, from, to, values, head_dim, ahead, o);
    }
  }
  constexpr int kWidth = attend_registers(Queries);
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

// The positions of a page that a row sees, and whole groups of sixteen that hold them.
struct Seen {
  std::int64_t from, to;
  std::int64_t begin, end;
};

// With no more groups than it takes.
inline Seen seen_from_to(std::int64_t from, std::int64_t to) noexcept {
  return {from, to, from / 16 * 16, (to + 15) / 16 * 16};
}

// What any of `rows` rows sees.
inline Seen seen_by_any(std::int64_t rows, const std::int32_t* first,
                        const std::int32_t* last) noexcept {
  std::int64_t from = kPage;
  std::int64_t to = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    if (first[i] < from) from = first[i];
    if (last[i] > to) to = last[i];
  }
  return seen_from_to(from, to);
}

// A row's maximum so far, lane by lane: of -inf for the positions that it does not see, which
// then get zero for a weight.
Lanes raise(float* p, const Seen& seen, float m) noexcept {
  for (std::int64_t t = seen.begin; t < seen.from; ++t) p[t] = kUnseen;
  for (std::int64_t t = seen.to; t < seen.end; ++t) p[t] = kUnseen;
  Lanes high = Lanes::all(m);
  for (std::int64_t t = seen.begin; t < seen.end; t += 16) high = max(high, Lanes::load(p + t));
  return high;
}

// p = e^(s - top), in place; returns the partial sums.
Lanes exponentials(float* p, const Seen& seen, float top) noexcept {
  Lanes partial = Lanes::zero();
  for (std::int64_t t = seen.begin; t < seen.end; t += 16) {
    const Lanes e = exponential(sub(Lanes::load(p + t), Lanes::all(top)));
    e.store(p + t);
    partial = add(partial, e);
  }
  return partial;
}

// Scores to weights, in place; m and l are brought up to date, and shrink (room for sixteen) is
// what the output of each row so far is multiplied with. `rows` is at most sixteen.
void weigh(std::int64_t rows, float (*p)[kPage], const Seen* seen, float* m, float* l,
           float* shrink) noexcept {
  // Four rows at a time; what is left of the last four is -inf, and zero.
  float top[16] = {};
  float sums[16] = {};
  for (std::int64_t row = 0; row < rows; row += 4) {
    Lanes high[4];
    for (std::int64_t i = 0; i < 4; ++i) {
      high[i] = row + i < rows ? raise(p[row + i], seen[row + i], m[row + i]) : Lanes::zero();
    }
    largest_four(high[0], high[1], high[2], high[3], top + row);
  }
  for (std::int64_t row = 0; row < rows; row += 4) {
    Lanes partial[4];
    for (std::int64_t i = 0; i < 4; ++i) {
      partial[i] =
          row + i < rows ? exponentials(p[row + i], seen[row + i], top[row + i]) : Lanes::zero();
    }
    sum_four(partial[0], partial[1], partial[2], partial[3], sums + row);
  }
  // e^0 is exactly 1.
  const auto load = [rows](const float* x) {
    return rows == 16 ? Lanes::load(x) : Lanes::load(x, rows);
  };
  const auto store = [rows](Lanes x, float* to) { rows == 16 ? x.store(to) : x.store(to, rows); };
  const Lanes tops = load(top);
  const Lanes c = exponential(sub(load(m), tops));
  c.store(shrink);
  store(tops, m);
  store(fma(load(l), c, load(sums)), l);
}

void shrink_row(float c, std::int64_t head_dim, float* o) noexcept {
  const Lanes factor = Lanes::all(c);
  each_sixteen(
      head_dim, [&](std::int64_t d) { mul(Lanes::load(o + d), factor).store(o + d); },
      [&](std::int64_t d, std::int64_t left) {
        mul(Lanes::load(o + d, left), factor).store(o + d, left);
      });
}

// At most kAttendQueries rows, each of which sees at least one key.
template <typename Cache, typename Element = typename Cache::Element>
void attend_rows(std::int64_t rows, const float* q, std::int64_t head_dim, const Element* keys,
                 const Element* values, const Element* next, const std::int32_t* first,
                 const std::int32_t* last, float cap, float* m, float* l, float* o) noexcept {
  const Seen any = seen_by_any(rows, first, last);
  Seen seen[kAttendQueries] = {};
  std::int64_t all_from = 0;
  std::int64_t all_to = kPage;
  for (std::int64_t i = 0; i < rows; ++i) {
    seen[i] = seen_from_to(first[i], last[i]);
    if (first[i] > all_from) all_from = first[i];
    if (last[i] < all_to) all_to = last[i];
  }
  alignas(64) float p[kAttendQueries][kPage];
  alignas(64) float shrink[16];
  score<Cache>(rows, q, head_dim, keys, values, any.begin / 16, any.end / 16, p[0]);
  if (cap != 0.0f) {
    for (std::int64_t i = 0; i < rows; ++i) {
      soft_cap(p[i] + seen[i].begin, seen[i].end - seen[i].begin, cap);
    }
  }
  weigh(rows, p, seen, m, l, shrink);
  for (std::int64_t i = 0; i < rows; ++i) {
    if (shrink[i] != 1.0f) shrink_row(shrink[i], head_dim, o + i * head_dim);
  }
  if (all_from >= all_to) all_from = all_to = any.to;
  const auto add = [&](std::int64_t row, std::int64_t count, std::int64_t from, std::int64_t to) {
    if (from < to) {
      add_range<Cache>(count, p[row], from, to, values, head_dim, next, o + row * head_dim);
    }
  };
  // What only some rows see comes before and after what all see.
  for (std::int64_t i = 0; i < rows; ++i) {
    add(i, 1, first[i], last[i] < all_from ? last[i] : all_from);
  }
  add(0, rows, all_from, all_to);
  for (std::int64_t i = 0; i < rows; ++i) add(i, 1, all_to, last[i]);
}

// Calls attend(first row, rows) for the rows that see a key, in blocks of at most kMost
// neighbours that are as even as they come.
template <std::int64_t kMost, typename Attend>
void each_block(std::int64_t queries, const std::int32_t* first, const std::int32_t* last,
                Attend attend) noexcept {
  for (std::int64_t row = 0; row < queries;) {
    if (first[row] >= last[row]) {
      ++row;
      continue;
    }
    std::int64_t end = row + 1;
    while (end < queries && first[end] < last[end]) ++end;
    for (std::int64_t left = (end - row + kMost - 1) / kMost; left > 0; --left) {
      const std::int64_t rows = (end - row + left - 1) / left;
      attend(row, rows);
      row += rows;
    }
  }
}

template <typename Cache>
void attend(const float* q, std::int64_t queries, std::int64_t head_dim, const void* keys,
            const void* values, const void* next_keys, const std::int32_t* first,
            const std::int32_t* last, float cap, float* m, float* l, float* o) noexcept {
  using Element = const typename Cache::Element*;
  each_block<kAttendQueries>(queries, first, last, [&](std::int64_t row, std::int64_t rows) {
    attend_rows<Cache>(rows, q + row * head_dim, head_dim, static_cast<Element>(keys),
                       static_cast<Element>(values), static_cast<Element>(next_keys), first + row,
                       last + row, cap, m + row, l + row, o + row * head_dim);
  });
}

}  // namespace
}  // namespace lathe
