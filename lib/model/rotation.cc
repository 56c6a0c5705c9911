#include "model/rotation.h"

#include <cmath>

namespace lathe {
namespace {

// Sums and differences of neighbouring runs of `Run` elements.
template <std::int64_t Run>
void mix(float* x, std::int64_t n) noexcept {
  for (std::int64_t first = 0; first < n; first += 2 * Run) {
    float* a = x + first;
    float* b = a + Run;
    for (std::int64_t i = 0; i < Run; ++i) {
      const float low = a[i];
      const float high = b[i];
      a[i] = low + high;
      b[i] = low - high;
    }
  }
}

void mix_long(float* x, std::int64_t n, std::int64_t run) noexcept {
  for (std::int64_t first = 0; first < n; first += 2 * run) {
    for (std::int64_t at = 0; at < run; at += 16) {
      float* a = x + first + at;
      float* b = a + run;
      for (std::int64_t i = 0; i < 16; ++i) {
        const float low = a[i];
        const float high = b[i];
        a[i] = low + high;
        b[i] = low - high;
      }
    }
  }
}

}  // namespace

void rotate(float* x, std::int64_t n) noexcept {
  const std::int64_t size = n & -n;
  if (size >= 2) mix<1>(x, n);
  if (size >= 4) mix<2>(x, n);
  if (size >= 8) mix<4>(x, n);
  if (size >= 16) mix<8>(x, n);
  for (std::int64_t run = 16; run < size; run *= 2) mix_long(x, n, run);
  const float scale = 1.0F / std::sqrt(static_cast<float>(size));
  for (std::int64_t i = 0; i < n; ++i) x[i] *= scale;
}

}  // namespace lathe
