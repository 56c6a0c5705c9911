// Conversions, norm, activations, soft caps, rotary embedding and e^x. Included by each table after
// its lanes.h.
#pragma once

namespace lathe {
namespace {

// Applies step(i, lanes in use) to [0, n) sixteen at a time; `whole` for full groups.
template <typename Whole, typename Part>
void each_sixteen(std::int64_t n, Whole whole, Part part) noexcept {
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) whole(i);
  if (i < n) part(i, n - i);
}

void convert_f16(const std::uint16_t* x, std::int64_t n, float* y) noexcept {
  each_sixteen(
      n, [&](std::int64_t i) { load_f16(x + i).store(y + i); },
      [&](std::int64_t i, std::int64_t left) { load_f16(x + i, left).store(y + i, left); });
}

void convert_bf16(const std::uint16_t* x, std::int64_t n, float* y) noexcept {
  each_sixteen(
      n, [&](std::int64_t i) { load_bf16(x + i).store(y + i); },
      [&](std::int64_t i, std::int64_t left) { load_bf16(x + i, left).store(y + i, left); });
}

void convert_to_f16(const float* x, std::int64_t n, std::uint16_t* y) noexcept {
  each_sixteen(
      n, [&](std::int64_t i) { store_f16(Lanes::load(x + i), y + i); },
      [&](std::int64_t i, std::int64_t left) { store_f16(Lanes::load(x + i, left), y + i, left); });
}

void add_to(const float* x, std::int64_t n, float* y) noexcept {
  each_sixteen(
      n, [&](std::int64_t i) { add(Lanes::load(y + i), Lanes::load(x + i)).store(y + i); },
      [&](std::int64_t i, std::int64_t left) {
        add(Lanes::load(y + i, left), Lanes::load(x + i, left)).store(y + i, left);
      });
}

void rms_norm(const float* x, const float* weight, float eps, std::int64_t n, float* y) noexcept {
  Lanes squares = Lanes::zero();
  each_sixteen(
      n,
      [&](std::int64_t i) {
        const Lanes v = Lanes::load(x + i);
        squares = fma(v, v, squares);
      },
      [&](std::int64_t i, std::int64_t left) {
        const Lanes v = Lanes::load(x + i, left);
        squares = fma(v, v, squares);
      });
  const float mean = sum(squares) / static_cast<float>(n);
  const Lanes scale = Lanes::all(1.0f / square_root(mean + eps));
  each_sixteen(
      n,
      [&](std::int64_t i) {
        mul(mul(Lanes::load(x + i), scale), Lanes::load(weight + i)).store(y + i);
      },
      [&](std::int64_t i, std::int64_t left) {
        mul(mul(Lanes::load(x + i, left), scale), Lanes::load(weight + i, left)).store(y + i, left);
      });
}

// e^x with a relative error below 1e-7: x = k·ln 2 + r with |r| <= ln(2)/2, and e^r = 1 + r +
// r²·p(r), p of degree 4 fitted to the least relative error (3e-9 before rounding). Below
// -87.3, where the result would be subnormal, it is 0; above 88.3 it stays at e^88.3. What is no
// number stays none: of two that do not compare, min and max take the second.
Lanes exponential(Lanes x) noexcept {
  const Lanes lowest = Lanes::all(-87.3f);
  const Lanes clamped = max(lowest, min(Lanes::all(88.3f), x));
  // Adding 1.5·2^23 rounds to an integer, which is left in the low bits of the sum.
  const Lanes magic = Lanes::all(12582912.0f);
  const Lanes shifted = fma(clamped, Lanes::all(0x1.715476p+0f), magic);
  const Lanes k = sub(shifted, magic);
  // ln 2 in two parts: k times the first is exact.
  Lanes r = fma(k, Lanes::all(-0x1.63p-1f), clamped);
  r = fma(k, Lanes::all(0x1.bd0106p-13f), r);
  Lanes p = Lanes::all(0x1.6a23dp-10f);
  p = fma(p, r, Lanes::all(0x1.123a2p-7f));
  p = fma(p, r, Lanes::all(0x1.5558f2p-5f));
  p = fma(p, r, Lanes::all(0x1.555492p-3f));
  p = fma(p, r, Lanes::all(0x1.fffffcp-2f));
  const Lanes one = Lanes::all(1.0f);
  p = add(fma(mul(r, r), p, r), one);
  return zero_where_less(x, lowest, scale_by_power(p, shifted));
}

Lanes silu(Lanes x) noexcept { return div(x, add(Lanes::all(1.0f), exponential(negate(x)))); }

// 0.5·x·(1 + tanh(u)) = x / (1 + e^-2u), u = sqrt(2/π)·(x + 0.044715·x³).
Lanes gelu(Lanes x) noexcept {
  const Lanes cubic = fma(mul(x, x), Lanes::all(0.044715f), Lanes::all(1.0f));
  const Lanes minus_2u = mul(mul(x, cubic), Lanes::all(-1.5957691216f));
  return div(x, add(Lanes::all(1.0f), exponential(minus_2u)));
}

// cap · tanh(x / cap), as cap · (1 - 2 / (e^(2·x/cap) + 1)): e^x stays finite, so that the ends
// are cap and -cap.
Lanes capped(Lanes x, Lanes cap) noexcept {
  const Lanes e = exponential(mul(Lanes::all(2.0f), div(x, cap)));
  const Lanes one = Lanes::all(1.0f);
  return mul(cap, sub(one, div(Lanes::all(2.0f), add(e, one))));
}

void soft_cap(float* x, std::int64_t n, float cap) noexcept {
  const Lanes caps = Lanes::all(cap);
  each_sixteen(
      n, [&](std::int64_t i) { capped(Lanes::load(x + i), caps).store(x + i); },
      [&](std::int64_t i, std::int64_t left) {
        capped(Lanes::load(x + i, left), caps).store(x + i, left);
      });
}

template <Lanes (*Activate)(Lanes)>
void gated(const float* gate, const float* up, std::int64_t n, float* out) noexcept {
  each_sixteen(
      n,
      [&](std::int64_t i) {
        mul(Activate(Lanes::load(gate + i)), Lanes::load(up + i)).store(out + i);
      },
      [&](std::int64_t i, std::int64_t left) {
        mul(Activate(Lanes::load(gate + i, left)), Lanes::load(up + i, left)).store(out + i, left);
      });
}

// a' = a·cos - b·sin, b' = b·cos + a·sin; the second product rounds, the first is fused.
void rotate(Lanes c, Lanes s, Lanes* a, Lanes* b) noexcept {
  const Lanes first = fma(*a, c, negate(mul(*b, s)));
  *b = fma(*b, c, mul(*a, s));
  *a = first;
}

void rope(const float* cosines, const float* sines, std::int64_t half, float* x) noexcept {
  each_sixteen(
      half,
      [&](std::int64_t i) {
        Lanes a = Lanes::load(x + i);
        Lanes b = Lanes::load(x + half + i);
        rotate(Lanes::load(cosines + i), Lanes::load(sines + i), &a, &b);
        a.store(x + i);
        b.store(x + half + i);
      },
      [&](std::int64_t i, std::int64_t left) {
        Lanes a = Lanes::load(x + i, left);
        Lanes b = Lanes::load(x + half + i, left);
        rotate(Lanes::load(cosines + i, left), Lanes::load(sines + i, left), &a, &b);
        a.store(x + i, left);
        b.store(x + half + i, left);
      });
}

float sum_exp(const float* x, std::int64_t n, float max) noexcept {
  Lanes partial = Lanes::zero();
  const Lanes top = Lanes::all(max);
  each_sixteen(
      n, [&](std::int64_t i) { partial = add(partial, exponential(sub(Lanes::load(x + i), top))); },
      [&](std::int64_t i, std::int64_t left) {
        // Lanes past the end must add nothing.
        float e[16] = {};
        exponential(sub(Lanes::load(x + i, left), top)).store(e, left);
        partial = add(partial, Lanes::load(e));
      });
  return sum(partial);
}

}  // namespace
}  // namespace lathe
