// Floats for tests of arithmetic: normally distributed, the same for the same seed.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace lathe::test {

inline std::vector<float> random_floats(std::int64_t n, float scale, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = normal(generator);
  return v;
}

inline std::vector<float> random_floats(std::int64_t n, unsigned seed) {
  return random_floats(n, 1.0f, seed);
}

}  // namespace lathe::test
