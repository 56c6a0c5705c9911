// The second half of an adapter's product, y += B·x with few inputs. Included by each table after
// its lanes.h.
//
//   y[m][r] = fma(b[k][r], x[m][k], y[m][r]) for k in increasing order
//
// B stands turned, so that a register holds sixteen outputs and nothing is summed across lanes.
#pragma once

namespace lathe {
namespace {

// 16 · Groups outputs (or, of one group, the first `part`) of `Batch` inputs.
template <int Groups, int Batch, bool kPart>
void add_low_rank_block(const float* b, std::int64_t b_stride, std::int64_t inner, const float* x,
                        std::int64_t x_stride, float* y, std::int64_t y_stride,
                        [[maybe_unused]] std::int64_t part) noexcept {
  const auto load = [&](const float* p) {
    if constexpr (kPart) {
      return Lanes::load(p, part);
    } else {
      return Lanes::load(p);
    }
  };
  Lanes sums[Batch][Groups];
  for (int m = 0; m < Batch; ++m) {
    for (int g = 0; g < Groups; ++g) sums[m][g] = load(y + m * y_stride + 16 * g);
  }
  for (std::int64_t k = 0; k < inner; ++k) {
    Lanes weights[Groups];
    for (int g = 0; g < Groups; ++g) weights[g] = load(b + k * b_stride + 16 * g);
    for (int m = 0; m < Batch; ++m) {
      const Lanes input = Lanes::all(x[m * x_stride + k]);
      for (int g = 0; g < Groups; ++g) sums[m][g] = fma(weights[g], input, sums[m][g]);
    }
  }
  for (int m = 0; m < Batch; ++m) {
    for (int g = 0; g < Groups; ++g) {
      float* out = y + m * y_stride + 16 * g;
      kPart ? sums[m][g].store(out, part) : sums[m][g].store(out);
    }
  }
}

template <int Groups, bool kPart, int Batch = kMatvecBatch>
void add_low_rank_count(std::int64_t count, const float* b, std::int64_t b_stride,
                        std::int64_t inner, const float* x, std::int64_t x_stride, float* y,
                        std::int64_t y_stride, std::int64_t part) noexcept {
  if (count == Batch) {
    add_low_rank_block<Groups, Batch, kPart>(b, b_stride, inner, x, x_stride, y, y_stride, part);
  } else if constexpr (Batch > 1) {
    add_low_rank_count<Groups, kPart, Batch - 1>(count, b, b_stride, inner, x, x_stride, y,
                                                 y_stride, part);
  }
}

// See ForwardKernels::add_low_rank.
void add_low_rank(const float* b, std::int64_t b_stride, std::int64_t inner, std::int64_t rows,
                  const float* x, std::int64_t x_stride, std::int64_t batch, float* y,
                  std::int64_t y_stride) noexcept {
  for (std::int64_t m = 0; m < batch; m += kMatvecBatch) {
    const std::int64_t count = batch - m < kMatvecBatch ? batch - m : kMatvecBatch;
    const float* in = x + m * x_stride;
    float* out = y + m * y_stride;
    std::int64_t r = 0;
    for (; r + 16 * kMatvecRows <= rows; r += 16 * kMatvecRows) {
      add_low_rank_count<kMatvecRows, false>(count, b + r, b_stride, inner, in, x_stride, out + r,
                                             y_stride, 0);
    }
    for (; r + 16 <= rows; r += 16) {
      add_low_rank_count<1, false>(count, b + r, b_stride, inner, in, x_stride, out + r, y_stride,
                                   0);
    }
    if (r < rows) {
      add_low_rank_count<1, true>(count, b + r, b_stride, inner, in, x_stride, out + r, y_stride,
                                  rows - r);
    }
  }
}

}  // namespace
}  // namespace lathe
