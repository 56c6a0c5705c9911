// What the machine can do at best: loops that do nothing but read, or nothing but multiply
// and add. Included by each table after its lanes.h, which gives probe_dots().
#pragma once

namespace lathe {
namespace {

// Keeps the optimizer from removing a computation whose result nobody needs.
inline void keep(float value) noexcept { __asm__ volatile("" : : "r,m"(value) : "memory"); }

// Enough independent sums to fill the pipeline: latency 4, two units.
constexpr int kProbeSums = 12;

double probe_f32(std::int64_t steps) noexcept {
  Lanes sums[kProbeSums];
  for (Lanes& s : sums) s = Lanes::all(1.0f);
  Lanes a = Lanes::all(0.999f);
  const Lanes b = Lanes::all(0.001f);
  for (std::int64_t i = 0; i < steps; ++i) {
    __asm__ volatile("" : "+m"(a));
    const Lanes factor = a;
    for (Lanes& s : sums) s = fma(s, factor, b);
  }
  Lanes total = Lanes::zero();
  for (const Lanes& s : sums) total = add(total, s);
  keep(sum(total));
  return static_cast<double>(steps) * kProbeSums * 16 * 2;
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
