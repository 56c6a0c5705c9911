// Matrix times a few vectors, float weights. Included by each table after its lanes.h.
#pragma once

namespace lathe {
namespace {

struct F32Weights {
  using Element = float;
  static Lanes load(const Element* p) noexcept { return Lanes::load(p); }
  static Lanes load(const Element* p, std::int64_t n) noexcept { return Lanes::load(p, n); }
};
struct F16Weights {
  using Element = std::uint16_t;
  static Lanes load(const Element* p) noexcept { return load_f16(p); }
  static Lanes load(const Element* p, std::int64_t n) noexcept { return load_f16(p, n); }
};
struct Bf16Weights {
  using Element = std::uint16_t;
  static Lanes load(const Element* p) noexcept { return load_bf16(p); }
  static Lanes load(const Element* p, std::int64_t n) noexcept { return load_bf16(p, n); }
};

// Weights in 16 KB.
template <typename Element>
constexpr std::int64_t kAhead = (16 << 10) / sizeof(Element);

// `Rows` rows of weights against `Batch` inputs: each weight is converted once, and
// Rows · Batch independent sums hide the latency of the FMA.
template <typename Weights, int Rows, int Batch>
void matvec_block(const typename Weights::Element* w, std::int64_t w_stride, std::int64_t cols,
                  const float* x, std::int64_t x_stride, float* y, std::int64_t y_stride) noexcept {
  Lanes partial[Rows][Batch];
  for (int r = 0; r < Rows; ++r) {
    for (int b = 0; b < Batch; ++b) partial[r][b] = Lanes::zero();
  }
  const auto step = [&](std::int64_t k) {
    Lanes input[Batch];
    for (int b = 0; b < Batch; ++b) input[b] = Lanes::load(x + b * x_stride + k);
    for (int r = 0; r < Rows; ++r) {
      const Lanes weight = Weights::load(w + r * w_stride + k);
      for (int b = 0; b < Batch; ++b) partial[r][b] = fma(weight, input[b], partial[r][b]);
    }
  };
  std::int64_t k = 0;
  for (; k + 32 <= cols; k += 32) {
    // One row after the other is one stream, which is asked for as far ahead as the wait for
    // memory is long. Several are as many short streams, which a processor's own prefetching is
    // slow to find again at each block: ask for the same place of the next block's rows. Both
    // line by line, as far as the second-level cache.
    for (int r = 0; r < Rows; ++r) {
      const auto* next =
          w + k + (Rows == 1 ? kAhead<typename Weights::Element> : (Rows + r) * w_stride);
      prefetch_far(next);
      if (sizeof(*w) == 4) prefetch_far(next + 16);
    }
    step(k);
    step(k + 16);
  }
  if (k + 16 <= cols) {
    step(k);
    k += 16;
  }
  if (k < cols) {
    for (int r = 0; r < Rows; ++r) {
      const Lanes weight = Weights::load(w + r * w_stride + k, cols - k);
      for (int b = 0; b < Batch; ++b) {
        const Lanes input = Lanes::load(x + b * x_stride + k, cols - k);
        partial[r][b] = fma(weight, input, partial[r][b]);
      }
    }
  }
  for (int b = 0; b < Batch; ++b) {
    float* out = y + b * y_stride;
    if constexpr (Rows == 4) {
      sum_four(partial[0][b], partial[1][b], partial[2][b], partial[3][b], out);
    } else {
      for (int r = 0; r < Rows; ++r) out[r] = sum(partial[r][b]);
    }
  }
}

template <typename Weights, int Rows, int Batch = kMatvecBatch>
void matvec_count(const typename Weights::Element* w, std::int64_t cols, const float* x,
                  std::int64_t x_stride, std::int64_t count, float* y,
                  std::int64_t y_stride) noexcept {
  if (count == Batch) {
    matvec_block<Weights, Rows, Batch>(w, cols, cols, x, x_stride, y, y_stride);
  } else if constexpr (Batch > 1) {
    matvec_count<Weights, Rows, Batch - 1>(w, cols, x, x_stride, count, y, y_stride);
  }
}

// A few rows against all inputs, in blocks as even as they come: a last block of one would be
// slow.
template <typename Weights, int Rows>
void matvec_rows(const typename Weights::Element* w, std::int64_t cols, const float* x,
                 std::int64_t x_stride, std::int64_t batch, float* y,
                 std::int64_t y_stride) noexcept {
  std::int64_t done = 0;
  for (std::int64_t left = (batch + kMatvecBatch - 1) / kMatvecBatch; left > 0; --left) {
    const std::int64_t count = (batch - done + left - 1) / left;
    matvec_count<Weights, Rows>(w, cols, x + done * x_stride, x_stride, count, y + done * y_stride,
                                y_stride);
    done += count;
  }
}

template <typename Weights, int Rows>
void matvec_by(const typename Weights::Element* w, std::int64_t rows, std::int64_t cols,
               const float* x, std::int64_t x_stride, std::int64_t batch, float* y,
               std::int64_t y_stride) noexcept {
  std::int64_t r = 0;
  for (; r + Rows <= rows; r += Rows) {
    matvec_rows<Weights, Rows>(w + r * cols, cols, x, x_stride, batch, y + r, y_stride);
  }
  for (; r < rows; ++r) {
    matvec_rows<Weights, 1>(w + r * cols, cols, x, x_stride, batch, y + r, y_stride);
  }
}

template <typename Weights>
void matvec(const void* weights, std::int64_t rows, std::int64_t cols, const float* x,
            std::int64_t x_stride, std::int64_t batch, float* y, std::int64_t y_stride) noexcept {
  const auto* w = static_cast<const typename Weights::Element*>(weights);
  // One input waits for memory only, which comes fastest in one stream (measured: two rows at
  // a time read 7 % slower, four 15 %).
  const auto multiply = batch == 1 ? matvec_by<Weights, 1> : matvec_by<Weights, kMatvecRows>;
  multiply(w, rows, cols, x, x_stride, batch, y, y_stride);
}

}  // namespace
}  // namespace lathe
