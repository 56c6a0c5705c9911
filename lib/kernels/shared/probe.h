// What the machine can do at best: loops that do nothing but read, or nothing but multiply
// and add. Included by each table after its lanes.h, which gives probe_dots().
#pragma once

namespace lathe {
namespace {

// Keeps the optimizer from removing a computation whose result nobody needs.
inline void keep(float value) noexcept { __asm__ volatile("" : : "r,m"(value) : "memory"); }

// Independent sums by name: in an array they would live in memory, not in registers. Five
// Lanes are ten registers of AVX2; the latency of 4 times two units needs eight.
double probe_f32(std::int64_t steps) noexcept {
  // All different: equal ones would be computed once.
  Lanes s0 = Lanes::all(0.1f), s1 = Lanes::all(0.2f), s2 = Lanes::all(0.3f);
  Lanes s3 = Lanes::all(0.4f), s4 = Lanes::all(0.5f), t0 = Lanes::all(0.6f);
  Lanes t1 = Lanes::all(0.7f), t2 = Lanes::all(0.8f), t3 = Lanes::all(0.9f);
  Lanes t4 = Lanes::all(1.0f);
  constexpr bool kOneRegister = kLanesAreOneRegister;
  float changing = 0.999f;
  const Lanes b = Lanes::all(0.001f);
  for (std::int64_t i = 0; i < steps; ++i) {
    __asm__ volatile("" : "+m"(changing));
    const Lanes a = Lanes::all(changing);
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
    s3 = fma(s3, a, b);
    s4 = fma(s4, a, b);
    if constexpr (kOneRegister) {
      t0 = fma(t0, a, b);
      t1 = fma(t1, a, b);
      t2 = fma(t2, a, b);
      t3 = fma(t3, a, b);
      t4 = fma(t4, a, b);
    }
  }
  keep(sum(add(add(add(s0, s1), add(s2, s3)), s4)));
  keep(sum(add(add(add(t0, t1), add(t2, t3)), t4)));
  return static_cast<double>(steps) * (kOneRegister ? 10 : 5) * 16 * 2;
}

void probe_read(const void* data, std::size_t bytes) noexcept {
  const float* p = static_cast<const float*>(data);
  const std::size_t floats = bytes / sizeof(float);
  Lanes sums[4];
  for (Lanes& s : sums) s = Lanes::zero();
  for (std::size_t i = 0; i + 64 <= floats; i += 64) {
    for (std::size_t j = 0; j < 4; ++j) {
      prefetch(p + i + 16 * j + 512);
      sums[j] = max(sums[j], Lanes::load(p + i + 16 * j));
    }
  }
  keep(largest(max(max(sums[0], sums[1]), max(sums[2], sums[3]))));
}

}  // namespace
}  // namespace lathe
