// Scales for quantized weights by search. Included by each table after its lanes.h and
// transpose.h.
//
// Sixteen rows at a time, a row per lane: sums run over k in order, so no table can differ.
#pragma once

#include "kernels/search_kernels.h"

namespace lathe {
namespace {

// Nearest integer, halves to even, for |x| < 2^22: adding 1.5·2^23 leaves no fraction bits.
inline Lanes nearest(Lanes x) noexcept {
  const Lanes magic = Lanes::all(0x1.8p23f);
  return sub(add(x, magic), magic);
}

// Where the sums stand so that division by them is safe, and what they are else.
inline Lanes at_least_tiny(Lanes x) noexcept { return max(x, Lanes::all(0x1p-126f)); }

// 1/scale, or 0 where the scale is next to 0 (then every code is the same).
inline Lanes inverse_of(Lanes scale) noexcept {
  const Lanes tiny = Lanes::all(0x1p-120f);
  const Lanes usable = where_less(magnitude(scale), tiny, Lanes::all(1.0f), scale);
  return where_less(magnitude(scale), tiny, Lanes::zero(), div(Lanes::all(1.0f), usable));
}

inline Lanes code_of(Lanes x, Lanes minimum, Lanes inverse, Lanes top) noexcept {
  // Clamped before rounding, so that nearest() holds for any value.
  return nearest(min(max(mul(sub(x, minimum), inverse), Lanes::zero()), top));
}

// A scale and what it gains: the error that is left is Σh·x² - gain.
struct ScaleFit {
  Lanes scale, minimum, gain;
};

inline void keep_better(const ScaleFit& other, ScaleFit& best) noexcept {
  best.scale = where_less(best.gain, other.gain, other.scale, best.scale);
  best.minimum = where_less(best.gain, other.gain, other.minimum, best.minimum);
  best.gain = max(other.gain, best.gain);
}

// x ≈ scale · (code - zero): for the codes that 1/scale = `inverse` gives, the best scale is
// Σh·x·t / Σh·t², t = code - zero.
inline ScaleFit fit_scale(const float* values, const float* importance, std::int64_t n,
                          Lanes inverse, Lanes zero, Lanes top) noexcept {
  const Lanes low = negate(zero);
  const Lanes high = sub(top, zero);
  Lanes xt = Lanes::zero();
  Lanes tt = Lanes::zero();
  for (std::int64_t k = 0; k < n; ++k) {
    const Lanes x = Lanes::load(values + 16 * k);
    const Lanes t = nearest(min(max(mul(x, inverse), low), high));
    const Lanes ht = mul(Lanes::all(importance[k]), t);
    xt = fma(ht, x, xt);
    tt = fma(ht, t, tt);
  }
  const Lanes scale = div(xt, at_least_tiny(tt));
  return {scale, negate(mul(scale, zero)), mul(xt, scale)};
}

// x ≈ scale · code + minimum: weighted linear regression of the values on their codes.
inline ScaleFit fit_line(const float* values, const float* importance, std::int64_t n,
                         Lanes inverse, Lanes minimum, Lanes top) noexcept {
  Lanes h1 = Lanes::zero(), hx = h1, hq = h1, hqq = h1, hxq = h1;
  for (std::int64_t k = 0; k < n; ++k) {
    const Lanes x = Lanes::load(values + 16 * k);
    const Lanes h = Lanes::all(importance[k]);
    const Lanes q = code_of(x, minimum, inverse, top);
    const Lanes weighted = mul(h, q);
    h1 = add(h1, h);
    hx = fma(h, x, hx);
    hq = add(hq, weighted);
    hqq = fma(weighted, q, hqq);
    hxq = fma(weighted, x, hxq);
  }
  // With q measured from its mean the two unknowns come apart, and little cancels.
  const Lanes weight = at_least_tiny(h1);
  const Lanes mean_q = div(hq, weight);
  const Lanes spread = sub(hqq, mul(mean_q, hq));
  const Lanes slope = where_less(spread, mul(hqq, Lanes::all(1e-6f)), Lanes::zero(),
                                 div(sub(hxq, mul(mean_q, hx)), at_least_tiny(spread)));
  const Lanes offset = div(sub(hx, mul(slope, hq)), weight);
  return {slope, offset, fma(slope, hxq, mul(offset, hx))};
}

struct Range {
  Lanes least, most;
};

inline Range range_of(const float* values, std::int64_t n) noexcept {
  Range r = {Lanes::load(values), Lanes::load(values)};
  for (std::int64_t k = 1; k < n; ++k) {
    r.least = min(r.least, Lanes::load(values + 16 * k));
    r.most = max(r.most, Lanes::load(values + 16 * k));
  }
  return r;
}

// The codes that a least-squares scale gives differ a little from those it was fitted to, and
// the fit to those is a little better again.
constexpr int kRefinements = 3;

// A finer grid than of 6 bits has nothing to gain from a search.
constexpr std::int32_t kLargestSearched = 63;
constexpr std::int32_t kFewCodes = 7;

// See SearchKernels::find_scales.
void search_scales(const float* values, const float* importance, std::int64_t n,
                   std::int32_t top_code, float* scales) noexcept {
  const Lanes top = Lanes::all(static_cast<float>(top_code));
  const Lanes zero = Lanes::all(static_cast<float>((top_code + 1) / 2));
  const Range range = range_of(values, n);
  // The codes reach one step further down than up: the value of largest magnitude goes
  // there, whatever its sign, so the scale may be negative.
  const Lanes extreme = where_less(negate(range.least), range.most, range.most, range.least);
  const Lanes reach = max(magnitude(extreme), Lanes::all(0x1p-100f));
  const Lanes sign = where_less(extreme, Lanes::zero(), Lanes::all(1.0f), Lanes::all(-1.0f));
  if (top_code > kLargestSearched) {
    const Lanes half_range = Lanes::all(static_cast<float>(top_code) * 0.5f);
    div(mul(sign, reach), half_range).store(scales);
    return;
  }
  const Lanes unit = div(mul(sign, zero), reach);
  ScaleFit best = {Lanes::zero(), Lanes::zero(), Lanes::all(-1.0f)};
  // With few codes it pays to cut the largest weights by more.
  const float step = top_code > kFewCodes ? 0.045f : 0.08f;
  for (int c = -3; c <= 10; ++c) {
    const Lanes factor = Lanes::all(1.0f + step * static_cast<float>(c));
    keep_better(fit_scale(values, importance, n, mul(unit, factor), zero, top), best);
  }
  for (int round = 0; round < kRefinements; ++round) {
    keep_better(fit_scale(values, importance, n, inverse_of(best.scale), zero, top), best);
  }
  best.scale.store(scales);
}

// See SearchKernels::find_lines.
void search_lines(const float* values, const float* importance, std::int64_t n,
                  std::int32_t top_code, float* scales, float* minimums) noexcept {
  const Lanes top = Lanes::all(static_cast<float>(top_code));
  const Range range = range_of(values, n);
  const Lanes span = max(sub(range.most, range.least), Lanes::all(0x1p-100f));
  if (top_code > kLargestSearched) {
    div(span, top).store(scales);
    range.least.store(minimums);
    return;
  }
  const Lanes unit = div(top, span);
  ScaleFit best = {Lanes::zero(), range.least, Lanes::all(-1.0f)};
  const float step = top_code > kFewCodes ? 0.05f : 0.11f;
  for (int c = -1; c <= 5; ++c) {
    const Lanes inverse = mul(unit, Lanes::all(1.0f + step * static_cast<float>(c)));
    // What the range loses by a smaller scale is lost on both sides alike.
    const Lanes lost = sub(span, div(top, inverse));
    const Lanes minimum = fma(lost, Lanes::all(0.5f), range.least);
    keep_better(fit_line(values, importance, n, inverse, minimum, top), best);
  }
  for (int round = 0; round < kRefinements; ++round) {
    keep_better(fit_line(values, importance, n, inverse_of(best.scale), best.minimum, top), best);
  }
  best.scale.store(scales);
  best.minimum.store(minimums);
}

// See SearchKernels::encode.
void encode_group(float* values, std::int64_t n, std::int32_t top_code, const float* scales,
                  const float* minimums, float* signal, float* error) noexcept {
  const Lanes top = Lanes::all(static_cast<float>(top_code));
  const Lanes minimum = Lanes::load(minimums);
  const Lanes scale = Lanes::load(scales);
  const Lanes inverse = inverse_of(scale);
  Lanes squares = Lanes::zero();
  Lanes errors = Lanes::zero();
  for (std::int64_t k = 0; k < n; ++k) {
    const Lanes x = Lanes::load(values + 16 * k);
    const Lanes code = code_of(x, minimum, inverse, top);
    code.store(values + 16 * k);
    const Lanes lost = sub(x, fma(scale, code, minimum));
    squares = fma(x, x, squares);
    errors = fma(lost, lost, errors);
  }
  squares.store(signal);
  errors.store(error);
}

// CodeSums, as they grow.
struct RunningSums {
  Lanes error = Lanes::zero(), h = error, hx = error, ht = error, htt = error, hxt = error;

  void add_input(Lanes x, Lanes weight, Lanes t, Lanes lost) noexcept {
    const Lanes weighted = mul(weight, t);
    error = fma(mul(weight, lost), lost, error);
    h = add(h, weight);
    hx = fma(weight, x, hx);
    ht = add(ht, weighted);
    htt = fma(weighted, t, htt);
    hxt = fma(weighted, x, hxt);
  }
  void store(CodeSums& out) const noexcept {
    error.store(out.error);
    h.store(out.h);
    hx.store(out.hx);
    ht.store(out.ht);
    htt.store(out.htt);
    hxt.store(out.hxt);
  }
};

// See SearchKernels::weigh_codes.
void weigh_codes(const float* values, const float* importance, std::int64_t n,
                 std::int32_t top_code, std::int32_t zero_code, const float* scales,
                 const float* minimums, CodeSums* out) noexcept {
  const Lanes low = Lanes::all(static_cast<float>(-zero_code));
  const Lanes high = Lanes::all(static_cast<float>(top_code - zero_code));
  const Lanes minimum = Lanes::load(minimums);
  const Lanes scale = Lanes::load(scales);
  const Lanes inverse = inverse_of(scale);
  RunningSums sums;
  for (std::int64_t k = 0; k < n; ++k) {
    const Lanes x = Lanes::load(values + 16 * k);
    const Lanes t = nearest(min(max(mul(sub(x, minimum), inverse), low), high));
    sums.add_input(x, Lanes::all(importance[k]), t, sub(x, fma(scale, t, minimum)));
  }
  sums.store(*out);
}

// See SearchKernels::transpose_tile.
void transpose_tile(const float* rows, std::int64_t stride, std::int64_t count, std::int64_t n,
                    float factor, float* out) noexcept {
  std::int64_t k = 0;
  if (count == 16) {
    for (; k + 16 <= n; k += 16) transpose_16(rows + k, stride, factor, out + 16 * k);
  }
  for (; k < n; ++k) {
    for (std::int64_t r = 0; r < 16; ++r) {
      out[16 * k + r] = r < count ? rows[r * stride + k] * factor : 0.0f;
    }
  }
}

}  // namespace
}  // namespace lathe
