// Linear's adapters: W·x + s·B·(A·x), with W as it is in the file.
#include <array>
#include <cstring>

#include "kernels/kernel_table.h"
#include "model/linear.h"

namespace lathe {

std::unique_ptr<Linear> Linear::from_floats(const std::vector<float>& values, std::int64_t rows,
                                            std::int64_t cols, double scale) {
  std::unique_ptr<Linear> linear(new Linear);
  linear->rows_ = rows;
  linear->cols_ = cols;
  linear->owned_ = WeightMemory(values.size() * sizeof(float), "an adapter's matrix");
  auto* out = reinterpret_cast<float*>(linear->owned_.bytes().data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[i] = static_cast<float>(static_cast<double>(values[i]) * scale);
  }
  linear->weights_ = out;
  return linear;
}

void Linear::adapt(const LoraPair& pair) {
  low_a_ = from_floats(pair.a, pair.rank, pair.in);
  low_b_ = from_floats(pair.b, pair.out, pair.rank, pair.scale);
}

void Linear::add_low_rank(ThreadPool& pool, LinearInput& input, float* y,
                          std::int64_t y_stride) const {
  const std::int64_t rank = low_a_->rows();
  float* low = input.scratch(0, input.rows() * rank);
  const std::array<LinearCall, 1> down = {{{low_a_.get(), low, rank}}};
  apply(pool, input, down);
  float* update = input.scratch(1, input.rows() * rows_);
  LinearInput& narrow = input.narrow();
  narrow.set(low, input.rows(), rank, rank);
  const std::array<LinearCall, 1> up = {{{low_b_.get(), update, rows_}}};
  apply(pool, narrow, up);
  for (std::int64_t m = 0; m < input.rows(); ++m) {
    kernels().add(update + m * rows_, rows_, y + m * y_stride);
  }
}

}  // namespace lathe
