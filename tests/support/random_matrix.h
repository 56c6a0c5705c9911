// Matrices that look like weights, as a quantizer reads them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "quant/quantize_matrix.h"

namespace lathe::test {

struct Matrix {
  std::int64_t rows, cols;
  std::vector<float> w;

  MatrixSource source() const {
    MatrixSource out;
    out.rows = rows;
    out.cols = cols;
    out.read = [this](std::int64_t first, std::int64_t count, std::span<float> to) {
      const auto begin = w.begin() + first * cols;
      std::copy(begin, begin + count * cols, to.begin());
    };
    return out;
  }
};

// Near to normally distributed.
inline Matrix random_matrix(std::int64_t rows, std::int64_t cols, unsigned seed = 1) {
  Matrix m{rows, cols, {}};
  std::mt19937 random(seed);
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    float sum = -2.0f;
    for (int j = 0; j < 4; ++j) sum += static_cast<float>(random()) * 0x1p-32f;
    m.w.push_back(0.03f * sum);
  }
  return m;
}

}  // namespace lathe::test
