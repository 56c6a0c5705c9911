// One page of keys and values in small integers against a few query rows: the online softmax of
// attention.h with products of integers. Included by each table after its dots.h, attention.h and
// packed.h.
//
// Per query row and page, in this order:
//   s[t] = Σ q[d]·k[t][d] over integers, exactly, times the query's scale, times the key's; then
//          under the soft cap
//   m, c, p[t] and l as in attention.h
//   w[t] = p[t] · scale of the value, rounded to bytes with one scale for the page
//   o'   = o·c + (Σ w[t]·v[t] over integers, exactly, times the scale of w): one FMA
// Queries and weights become bytes as in quantize_row.h: in 127ths of the largest, to nearest even.
//
// The codes of a page lie as those of packed weights of 8, 6 or 4 bits do, with half of their range
// added: of the keys sixteen positions times four dimensions make a quad, of the values sixteen
// dimensions times four positions. So add_dots() multiplies them, with rows for tokens. Values in 4
// bits have two quads of neighbouring dimensions in a line, so that no two positions share a byte.
// Positions that a row does not see weigh zero, exactly: rows that are taken together change none
// of each other's bits.
#pragma once

#include "kernels/forward_kernels.h"
#include "kernels/shared/attention.h"
#include "kernels/shared/codes.h"
#include "kernels/shared/packed.h"
#include "kernels/shared/quantize_row.h"

namespace lathe {
namespace {

// Rows that are weighed together; of these, kDirectTokens are multiplied together.
constexpr int kByteRows = 8;
static_assert(kByteRows % kDirectTokens == 0 && kByteRows % 4 == 0);

// n numbers as row `row` of `to`.
void quantize_bytes(const float* x, std::int64_t n, const ByteRows& to, std::int64_t row) noexcept {
  const Row from = {x, n};
  const ByteScale scale(from.largest_magnitude());
  const Lanes inverse = Lanes::all(scale.inverse);
  const Lanes magic = Lanes::all(kRounder);
  Lanes sums = Lanes::zero();
  const std::int64_t step = 4 * to.rows;
  std::int8_t* q = to.q + 4 * row;
  alignas(16) std::int8_t bytes[16];
  for (std::int64_t i = 0; i < n; i += 16) {
    const Lanes rounded = add(mul(from.at(i), inverse), magic);
    sums = add(sums, sub(rounded, magic));
    store_low_bytes(rounded, bytes);
    for (int quad = 0; quad < 4; ++quad, q += step) __builtin_memcpy(q, bytes + 4 * quad, 4);
  }
  // Sums of whole numbers have no order. 0 times that of numbers that are none is none.
  const float total = sum(sums);
  to.minus_eight_sum[row] = minus_eight_of(total);
  to.scale[row] = scale.scale + 0.0f * total;
}

// Shares of the scale that reaches the largest element which are tried: of 64 normal numbers the
// mean squared error in 4 bits is a tenth less with the best of them than with the first.
constexpr float kScaleShares[] = {1.0f, 0.95f, 0.9f, 0.85f, 0.8f, 0.75f};

// Rounds numbers in units of their scale to what a code can stand for.
struct CodeRounder {
  explicit CodeRounder(int bits) noexcept : half(static_cast<float>(1 << (bits - 1))) {}

  Lanes operator()(Lanes x) const noexcept {
    const Lanes magic = Lanes::all(kRounder);
    return min(max(sub(add(x, magic), magic), Lanes::all(-half)), Lanes::all(half - 1.0f));
  }

  float half;
};

float quantize_codes(const float* x, std::int64_t n, int bits, std::int8_t* codes) noexcept {
  const Row row = {x, n};
  const CodeRounder rounded(bits);
  Lanes high = Lanes::zero();
  Lanes low = Lanes::zero();
  Lanes nothing = Lanes::zero();
  for (std::int64_t i = 0; i < n; i += 16) {
    const Lanes value = row.at(i);
    high = max(value, high);
    low = max(negate(value), low);
    nothing = fma(value, Lanes::zero(), nothing);
  }
  const float most = largest(high);
  const float least = largest(low);
  // Zero, or no number.
  const float unsound = sum(nothing);
  float best = 0.0f;
  if ((most >= 0x1p-100f || least >= 0x1p-100f) && unsound == 0.0f) {
    const float whole = (most > least ? most : -least) / -rounded.half;
    float fewest = 0.0f;
    for (const float share : kScaleShares) {
      const float scale = share * whole;
      const Lanes unit = Lanes::all(scale);
      const Lanes inverse = Lanes::all(1.0f / scale);
      Lanes errors = Lanes::zero();
      for (std::int64_t i = 0; i < n; i += 16) {
        const Lanes value = row.at(i);
        const Lanes lost = sub(mul(rounded(mul(value, inverse)), unit), value);
        errors = fma(lost, lost, errors);
      }
      const float error = sum(errors);
      if (best == 0.0f || error < fewest) {
        best = scale;
        fewest = error;
      }
    }
  }
  const Lanes inverse = Lanes::all(best == 0.0f ? 0.0f : 1.0f / best);
  const Lanes coded = Lanes::all(kRounder + rounded.half);
  for (std::int64_t i = 0; i < n; i += 16) {
    store_low_bytes(add(rounded(mul(row.at(i), inverse)), coded), codes + i);
  }
  return best + unsound;
}

// The weights of up to kByteRows rows as bytes.
struct WeightBytes {
  alignas(64) std::int8_t q[kByteRows][kPage];
  float scale[kByteRows];
  std::int32_t minus_eight_sum[kByteRows];
};

// w of four rows from `row` on, of the groups that they see. Their p is overwritten.
void quantize_weights(float (*p)[kPage], const Seen& seen, const float* scales, std::int64_t row,
                      WeightBytes& w) noexcept {
  Lanes high[4];
  for (int i = 0; i < 4; ++i) {
    high[i] = Lanes::zero();
    for (std::int64_t t = seen.begin; t < seen.end; t += 16) {
      const Lanes weight = mul(Lanes::load(p[i] + t), Lanes::load(scales + t));
      weight.store(p[i] + t);
      high[i] = max(magnitude(weight), high[i]);
    }
  }
  float tops[4];
  largest_four(high[0], high[1], high[2], high[3], tops);
  const Lanes magic = Lanes::all(kRounder);
  for (int i = 0; i < 4; ++i) {
    const ByteScale scale(tops[i]);
    w.scale[row + i] = scale.scale;
    const Lanes inverse = Lanes::all(scale.inverse);
    Lanes& sums = high[i];
    sums = Lanes::zero();
    for (std::int64_t t = seen.begin; t < seen.end; t += 16) {
      const Lanes rounded = add(mul(Lanes::load(p[i] + t), inverse), magic);
      sums = add(sums, sub(rounded, magic));
      store_low_bytes(rounded, w.q[row + i] + t);
    }
  }
  float totals[4];
  sum_four(high[0], high[1], high[2], high[3], totals);
  for (int i = 0; i < 4; ++i) {
    w.minus_eight_sum[row + i] = minus_eight_of(totals[i]);
    w.scale[row + i] += 0.0f * totals[i];
  }
}

// Scores of `rows` rows, from `first` on, with the groups [from, to) of keys of `quads` quads each.
template <int bits, int Rows = kDirectTokens>
void score_codes(std::int64_t rows, const ByteRows& q, std::int64_t first, std::int64_t quads,
                 const std::uint8_t* keys, const float* scales, std::int64_t ahead,
                 std::int64_t from, std::int64_t to, float (*p)[kPage]) noexcept {
  if constexpr (Rows > 1) {
    if (rows < Rows) {
      return score_codes<bits, Rows - 1>(rows, q, first, quads, keys, scales, ahead, from, to, p);
    }
  }
  using Keys = Codes<bits, false>;
  const std::int64_t blocks = quads / Keys::kQuads;
  for (std::int64_t g = from; g < to; ++g) {
    IntLanes dots[Rows];
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      dots[i] = start_of<Keys, Scales::kPerGroup>(q.minus_eight_sum[first + i]);
    }
    add_dots<Keys, Rows>(Grid{}, keys + Keys::kBlockBytes * blocks * g, blocks, q.q + 4 * first,
                         4 * q.rows, dots, ahead);
    const Lanes scale = Lanes::load(scales + 16 * g);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      mul(mul(to_float(dots[i]), Lanes::all(q.scale[first + i])), scale).store(p[i] + 16 * g);
    }
  }
}

// o[row] = o[row]·c[row] + Σ w[row][t]·v[t] of `rows` rows, from `first` on, over the groups that
// they see: the sixteen dimensions from d on, the codes of which are `Values`. `lines` are those of
// the first position.
template <typename Values, int Rows>
void add_sixteen(const WeightBytes& w, std::int64_t first, const Seen& seen,
                 const std::uint8_t* lines, std::int64_t d, std::int64_t head_dim,
                 std::int64_t ahead, const float* c, float* o) noexcept {
  IntLanes dots[Rows];
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i) {
    dots[i] = start_of<Values, Scales::kPerGroup>(w.minus_eight_sum[first + i]);
  }
  add_dots<Values, Rows, kPage>(Grid{}, lines + 16 * seen.begin, (seen.end - seen.begin) / 4,
                                w.q[first] + seen.begin, 4, dots, ahead);
  const std::int64_t left = head_dim - d;
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i) {
    float* at = o + i * head_dim + d;
    const Lanes sums = mul(to_float(dots[i]), Lanes::all(w.scale[first + i]));
    const Lanes shrink = Lanes::all(c[i]);
    if (left >= 16) {
      fma(Lanes::load(at), shrink, sums).store(at);
    } else {
      fma(Lanes::load(at, left), shrink, sums).store(at, left);
    }
  }
}

// All dimensions.
template <int bits, int Rows = kDirectTokens>
void add_codes(std::int64_t rows, const WeightBytes& w, std::int64_t first, const Seen& seen,
               const std::uint8_t* values, std::int64_t head_dim, std::int64_t ahead,
               const float* c, float* o) noexcept {
  if constexpr (Rows > 1) {
    if (rows < Rows) {
      return add_codes<bits, Rows - 1>(rows, w, first, seen, values, head_dim, ahead, c, o);
    }
  }
  using Values = Codes<bits, false>;
  if constexpr (Values::kQuads == 1) {
    for (std::int64_t d = 0; d < head_dim; d += 16, values += 16 * kPage) {
      add_sixteen<Values, Rows>(w, first, seen, values, d, head_dim, ahead, c, o);
    }
  } else {
    using Low = Codes<bits, false, 2, 0>;
    using High = Codes<bits, false, 2, 1>;
    // Lines are read twice: at the second time what lies behind the first's is asked for, since
    // keys take more bytes than values do.
    const std::int64_t further = ahead + kv_code_bytes(bits, head_dim);
    for (std::int64_t d = 0; d < head_dim; d += 32, values += 16 * kPage) {
      add_sixteen<Low, Rows>(w, first, seen, values, d, head_dim, ahead, c, o);
      if (d + 16 < head_dim) {
        add_sixteen<High, Rows>(w, first, seen, values, d + 16, head_dim, further, c, o);
      }
    }
  }
}

// A block of a page in codes: lines, and the scales behind them.
struct CodeBlock {
  CodeBlock(const void* block, std::int64_t code_bytes) noexcept
      : lines(static_cast<const std::uint8_t*>(block)),
        scales(reinterpret_cast<const float*>(lines + code_bytes)) {}

  // Those of a page, which nobody asks for with the lines.
  void prefetch_scales() const noexcept {
    for (std::int64_t t = 0; t < kPage; t += 16) prefetch(scales + t);
  }

  const std::uint8_t* lines;
  const float* scales;
};

// At most kByteRows rows, each of which sees at least one key.
template <int kKeyBits, int kValueBits>
void attend_code_rows(std::int64_t rows, const ByteRows& q, std::int64_t row, std::int64_t head_dim,
                      const CodeBlock& keys, const CodeBlock& values, const CodeBlock& next,
                      const std::int32_t* first, const std::int32_t* last, float cap, float* m,
                      float* l, float* o) noexcept {
  const Seen any = seen_by_any(rows, first, last);
  Seen seen[kByteRows] = {};
  for (std::int64_t i = 0; i < rows; ++i) seen[i] = {first[i], last[i], any.begin, any.end};
  alignas(64) float p[kByteRows][kPage];
  alignas(64) float shrink[16];
  const std::int64_t quads = byte_block_dims(head_dim) / 4;
  values.prefetch_scales();
  for (std::int64_t i = 0; i < rows; i += kDirectTokens) {
    score_codes<kKeyBits>(rows - i, q, row + i, quads, keys.lines, keys.scales,
                          values.lines - keys.lines, any.begin / 16, any.end / 16, p + i);
  }
  if (cap != 0.0f) {
    for (std::int64_t i = 0; i < rows; ++i) soft_cap(p[i] + any.begin, any.end - any.begin, cap);
  }
  weigh(rows, p, seen, m, l, shrink);
  // Four rows at a time; what is left of the last four is zeros.
  for (std::int64_t i = rows; i % 4 != 0; ++i) {
    for (std::int64_t t = any.begin; t < any.end; t += 16) Lanes::zero().store(p[i] + t);
  }
  next.prefetch_scales();
  WeightBytes weights;
  for (std::int64_t i = 0; i < rows; i += 4) {
    quantize_weights(p + i, any, values.scales, i, weights);
  }
  for (std::int64_t i = 0; i < rows; i += kDirectTokens) {
    add_codes<kValueBits>(rows - i, weights, i, any, values.lines, head_dim,
                          next.lines - values.lines, shrink + i, o + i * head_dim);
  }
}

template <int kKeyBits, int kValueBits>
void attend_codes(const ByteRows& q, std::int64_t queries, std::int64_t head_dim, const void* keys,
                  const void* values, const void* next_keys, const std::int32_t* first,
                  const std::int32_t* last, float cap, float* m, float* l, float* o) noexcept {
  const CodeBlock key_block(keys, kv_code_bytes(kKeyBits, head_dim));
  const CodeBlock value_block(values, kv_code_bytes(kValueBits, head_dim));
  const CodeBlock next_block(next_keys, kv_code_bytes(kKeyBits, head_dim));
  each_block<kByteRows>(queries, first, last, [&](std::int64_t row, std::int64_t rows) {
    attend_code_rows<kKeyBits, kValueBits>(rows, q, row, head_dim, key_block, value_block,
                                           next_block, first + row, last + row, cap, m + row,
                                           l + row, o + row * head_dim);
  });
}

}  // namespace
}  // namespace lathe
