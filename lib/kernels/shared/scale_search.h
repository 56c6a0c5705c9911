// Scales for quantized weights by search. Included by each table after its lanes.h.
//
// Sixteen rows at a time, a row per lane: sums run over k in order, so no table can differ.
#pragma once

namespace lathe {
namespace {

// Nearest integer, halves to even, for |x| < 2^22: adding 1.5·2^23 leaves no fraction bits.
inline Lanes nearest(Lanes x) noexcept {
  const Lanes magic = Lanes::all(0x1.8p23f);
  return sub(add(x, magic), magic);
}

// For one choice of (1/scale, zero) the codes are fixed, and the best scale for those codes
// follows by least squares: Σh·x·t / Σh·t², t = code - zero. The error that is left is
// Σh·x² minus `gain`, so the choice with the largest gain wins.
struct ScaleFit {
  Lanes scale, zero, gain;
};

inline ScaleFit fit_scale(const float* values, const float* importance, std::int64_t n,
                          Lanes inverse, Lanes zero, Lanes top) noexcept {
  const Lanes low = negate(zero);
  const Lanes high = sub(top, zero);
  Lanes xt = Lanes::zero();
  Lanes tt = Lanes::zero();
  for (std::int64_t k = 0; k < n; ++k) {
    const Lanes x = Lanes::load(values + 16 * k);
    const Lanes t = min(max(nearest(mul(x, inverse)), low), high);
    const Lanes ht = mul(Lanes::all(importance[k]), t);
    xt = fma(ht, x, xt);
    tt = fma(ht, t, tt);
  }
  // A group of zeros has tt = 0: scale 0 and no gain.
  const Lanes some = max(tt, Lanes::all(0x1p-126f));
  const Lanes scale = div(xt, some);
  return {scale, zero, mul(xt, scale)};
}

inline void keep_better(const ScaleFit& other, ScaleFit& best) noexcept {
  best.scale = where_less(best.gain, other.gain, other.scale, best.scale);
  best.zero = where_less(best.gain, other.gain, other.zero, best.zero);
  best.gain = max(other.gain, best.gain);
}

// See KernelTable::search_scales.
void search_scales(const float* values, const float* importance, std::int64_t n,
                   std::int32_t top_code, bool symmetric, float* scales, float* zeros) noexcept {
  const Lanes top = Lanes::all(static_cast<float>(top_code));
  Lanes least = Lanes::load(values);
  Lanes most = least;
  for (std::int64_t k = 1; k < n; ++k) {
    least = min(least, Lanes::load(values + 16 * k));
    most = max(most, Lanes::load(values + 16 * k));
  }
  const Lanes tiny = Lanes::all(0x1p-100f);
  ScaleFit best = {Lanes::zero(), Lanes::zero(), Lanes::all(-1.0f)};
  if (symmetric) {
    // The codes reach one step further down than up: the value of largest magnitude goes
    // there, whatever its sign, so the scale may be negative.
    const Lanes half = Lanes::all(static_cast<float>((top_code + 1) / 2));
    const Lanes extreme = where_less(negate(least), most, most, least);
    const Lanes reach = max(magnitude(extreme), tiny);
    const Lanes sign = where_less(extreme, Lanes::zero(), Lanes::all(1.0f), Lanes::all(-1.0f));
    const Lanes unit = div(mul(sign, half), reach);
    for (int c = -4; c <= 8; ++c) {
      const Lanes factor = Lanes::all(1.0f + 0.03f * static_cast<float>(c));
      keep_better(fit_scale(values, importance, n, mul(unit, factor), half, top), best);
    }
  } else {
    const Lanes range = max(sub(most, least), tiny);
    const Lanes middle = mul(add(most, least), Lanes::all(0.5f));
    const Lanes half = mul(top, Lanes::all(0.5f));
    const Lanes unit = div(top, range);
    for (int c = -2; c <= 6; ++c) {
      const Lanes inverse = mul(unit, Lanes::all(1.0f + 0.04f * static_cast<float>(c)));
      const Lanes centred = nearest(sub(half, mul(middle, inverse)));
      for (int shift = -1; shift <= 1; ++shift) {
        const Lanes moved = add(centred, Lanes::all(static_cast<float>(shift)));
        const Lanes zero = min(max(moved, Lanes::zero()), top);
        keep_better(fit_scale(values, importance, n, inverse, zero, top), best);
      }
    }
  }
  // The least-squares scale moves a few codes, and those move the scale once more.
  for (int round = 0; round < 3; ++round) {
    const Lanes near_zero =
        where_less(best.scale, Lanes::zero(), min(best.scale, negate(tiny)), max(best.scale, tiny));
    const Lanes inverse = div(Lanes::all(1.0f), near_zero);
    keep_better(fit_scale(values, importance, n, inverse, best.zero, top), best);
  }
  best.scale.store(scales);
  best.zero.store(zeros);
}

// See KernelTable::encode_group.
void encode_group(float* values, std::int64_t n, std::int32_t top_code, const float* scales,
                  const float* zeros) noexcept {
  const Lanes top = Lanes::all(static_cast<float>(top_code));
  const Lanes zero = Lanes::load(zeros);
  const Lanes scale = Lanes::load(scales);
  const Lanes usable = where_less(magnitude(scale), Lanes::all(0x1p-120f), Lanes::all(1.0f), scale);
  const Lanes inverse = where_less(magnitude(scale), Lanes::all(0x1p-120f), Lanes::zero(),
                                   div(Lanes::all(1.0f), usable));
  for (std::int64_t k = 0; k < n; ++k) {
    // Clamped before rounding, so that the trick in nearest() holds for any value.
    const Lanes code = add(mul(Lanes::load(values + 16 * k), inverse), zero);
    nearest(min(max(code, Lanes::zero()), top)).store(values + 16 * k);
  }
}

}  // namespace
}  // namespace lathe
