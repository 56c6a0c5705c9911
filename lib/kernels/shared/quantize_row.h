// Activations to signed bytes (QuantizedRows). Included by each table after its lanes.h and
// dots.h.
//
//   per span of 32, 64 or 128 inputs
//     scale = max|x| / 127
//     q     = x · (127 / max|x|), rounded to nearest even
//   and with a second plane
//     scale = that of the first / 254
//     q     = (x · (127 / max|x|) - q of the first) · 254, rounded likewise
//
// Bytes have no NaN and no infinity, so the scale says it: where an input is no finite number, the
// sum of the rounded values is none (0 · ∞, and all with a NaN), and 0 times that is added to the
// scale. All that is made of such a span is then no number either.
#pragma once

#include "tensor/packed_matrix.h"

namespace lathe {
namespace {

constexpr int kSpanLanes = kWideSpan / 16;  // of the widest

// -8 times a sum of whole numbers, 0 where that is none: what start_of() takes.
inline std::int32_t minus_eight_of(float sum) noexcept {
  return sum == sum ? static_cast<std::int32_t>(-8.0f * sum) : 0;
}

// n numbers, sixteen at a time: zeros behind the last.
struct Row {
  const float* x;
  std::int64_t n;

  Lanes at(std::int64_t i) const noexcept {
    return i + 16 <= n ? Lanes::load(x + i) : Lanes::load(x + i, n - i);
  }
  float largest_magnitude() const noexcept {
    Lanes high = Lanes::zero();
    for (std::int64_t i = 0; i < n; i += 16) high = max(magnitude(at(i)), high);
    return largest(high);
  }
};

// Where the next values of one token go.
struct TokenPlace {
  std::int64_t step;  // tokens per block
  std::int8_t* q;
  float* scale;
  float* sum;
  std::int32_t* minus_eight_sum;

  void put_scale(float value) noexcept {
    *scale = value;
    scale += step;
  }
  void put_sum(float value) noexcept {
    *sum = value;
    *minus_eight_sum = minus_eight_of(value);
    sum += step;
    minus_eight_sum += step;
  }
  // Whole numbers, whose low bytes the lanes hold.
  void put_codes(Lanes codes) noexcept {
    alignas(16) std::int8_t bytes[16];
    store_low_bytes(codes, bytes);
    for (int quad = 0; quad < 4; ++quad) {
      __builtin_memcpy(q + 4 * step * quad, bytes + 4 * quad, 4);
    }
    q += 16 * step;
  }
};

// Scale of values of which the largest has this magnitude, and its inverse. Below 2^-100 the
// inverse would not be finite: such values count as zeros.
struct ByteScale {
  explicit ByteScale(float top) noexcept
      : scale(top >= 0x1p-100f ? top / 127.0f : 0.0f),
        inverse(top >= 0x1p-100f ? 127.0f / top : 0.0f) {}
  float scale;
  float inverse;
};

// Adding it rounds to a whole number, left in the low bits: 1.5·2^23.
constexpr float kRounder = 12582912.0f;

// What the first plane rounds away is up to half of its scale: 127 steps of the second one's.
constexpr float kLowSteps = 254.0f;

// Rounds the first `inputs` of a span, which are in units of its scale, to the whole numbers that
// it leaves in their place, and puts these and their sums. Returns 0, or what is no number if one
// of them is none.
template <int kCount>
float put_rounded(Lanes (&x)[kSpanLanes], std::int64_t inputs, std::int64_t group,
                  TokenPlace* to) noexcept {
  const Lanes magic = Lanes::all(kRounder);
  for (int i = 0; i < kCount; ++i) {
    const Lanes rounded = add(x[i], magic);
    if (16 * i < inputs) to->put_codes(rounded);
    x[i] = sub(rounded, magic);
  }
  // Sums of whole numbers have no order.
  float sums[kSpanLanes];
  for (int i = 0; i < kCount; i += 4) sum_four(x[i], x[i + 1], x[i + 2], x[i + 3], sums + i);
  float nothing = 0.0f;
  for (std::int64_t first = 0; first < inputs; first += group) {
    float total = 0.0f;
    for (std::int64_t i = first / 16; i < (first + group) / 16; ++i) total += sums[i];
    to->put_sum(total);
    nothing += 0.0f * total;
  }
  return nothing;
}

// The first `inputs` (a multiple of 32) of a span; x is zero behind them.
template <int kCount, int kPlanes>
void quantize_span(const Lanes (&x)[kSpanLanes], std::int64_t inputs, std::int64_t group,
                   TokenPlace (&to)[kPlanes]) noexcept {
  Lanes high = Lanes::zero();
  for (int i = 0; i < kCount; ++i) high = max(magnitude(x[i]), high);
  const ByteScale scale(largest(high));
  const Lanes inverse = Lanes::all(scale.inverse);
  Lanes whole[kSpanLanes];
  for (Lanes& v : whole) v = Lanes::zero();
  for (int i = 0; i < kCount; ++i) whole[i] = mul(x[i], inverse);
  const float sound = scale.scale + put_rounded<kCount>(whole, inputs, group, &to[0]);
  to[0].put_scale(sound);
  if constexpr (kPlanes == 2) {
    // Exact: the difference of neighbours.
    for (int i = 0; i < kCount; ++i) {
      whole[i] = mul(sub(mul(x[i], inverse), whole[i]), Lanes::all(kLowSteps));
    }
    put_rounded<kCount>(whole, inputs, group, &to[1]);
    to[1].put_scale(sound / kLowSteps);
  }
}

template <int kCount, int kPlanes>
void quantize_spans(const float* x, std::int64_t n, const QuantizedRows& to,
                    TokenPlace (&places)[kPlanes]) noexcept {
  constexpr std::int64_t kSpan = 16 * kCount;
  Lanes values[kSpanLanes];
  std::int64_t span = 0;
  for (; span + kSpan <= n; span += kSpan) {
    for (int i = 0; i < kCount; ++i) values[i] = Lanes::load(x + span + 16 * i);
    quantize_span<kCount>(values, kSpan, to.group, places);
  }
  if (span == to.inputs) return;
  for (int i = 0; i < kCount; ++i) {
    const std::int64_t at = span + 16 * i;
    values[i] = at + 16 <= n ? Lanes::load(x + at)
                : at < n     ? Lanes::load(x + at, n - at)
                             : Lanes::zero();
  }
  quantize_span<kCount>(values, to.inputs - span, to.group, places);
}

// By the span, from this one of kActivationSpans on.
template <int number, int kPlanes>
void quantize_span_of(const float* x, std::int64_t n, const QuantizedRows& to,
                      TokenPlace (&places)[kPlanes]) noexcept {
  constexpr int kSpans = sizeof(kActivationSpans) / sizeof(kActivationSpans[0]);
  if constexpr (number < kSpans) {
    if (to.span == kActivationSpans[number]) {
      return quantize_spans<kActivationSpans[number] / 16>(x, n, to, places);
    }
    quantize_span_of<number + 1>(x, n, to, places);
  } else {
    __builtin_trap();  // no such span: inputs_per_span() gives none
  }
}

// Where token t's values of a plane begin.
inline TokenPlace place_of(const QuantizedRows& to, std::int64_t t, std::int64_t plane) noexcept {
  const std::int64_t step = to.width();
  const std::int64_t block = t / to.block;
  const std::int64_t in_block = t % to.block * to.planes + plane;
  const std::int64_t first_sum = block * to.groups() * step + in_block;
  return {step, to.q + block * to.inputs * step + 4 * in_block,
          to.scale + block * to.spans() * step + in_block, to.sum + first_sum,
          to.minus_eight_sum + first_sum};
}

void quantize_row(const float* x, std::int64_t n, const QuantizedRows& to,
                  std::int64_t t) noexcept {
  if (to.planes == 2) {
    TokenPlace places[2] = {place_of(to, t, 0), place_of(to, t, 1)};
    quantize_span_of<0>(x, n, to, places);
  } else {
    TokenPlace places[1] = {place_of(to, t, 0)};
    quantize_span_of<0>(x, n, to, places);
  }
}

float quantize_vector(const float* x, std::int64_t n, std::int8_t* q) noexcept {
  const Row row = {x, n};
  const ByteScale scale(row.largest_magnitude());
  const Lanes inverse = Lanes::all(scale.inverse);
  const Lanes magic = Lanes::all(kRounder);
  Lanes nothing = Lanes::zero();
  for (std::int64_t i = 0; i < n; i += 16) {
    const Lanes value = row.at(i);
    store_low_bytes(add(mul(value, inverse), magic), q + i);
    nothing = fma(value, Lanes::zero(), nothing);
  }
  return scale.scale + sum(nothing);
}

}  // namespace
}  // namespace lathe
