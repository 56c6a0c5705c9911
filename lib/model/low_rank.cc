#include "model/low_rank.h"

#include <array>

#include "kernels/kernel_table.h"
#include "model/float_matrix.h"
#include "model/linear.h"

namespace lathe {

LowRank::LowRank(const LoraPair& pair)
    : a_(std::make_unique<Linear>(std::make_unique<FloatMatrix>(pair.a, pair.rank, pair.in))),
      b_(std::make_unique<Linear>(
          std::make_unique<FloatMatrix>(pair.b, pair.out, pair.rank, pair.scale))) {}

LowRank::~LowRank() = default;

std::uint64_t LowRank::bytes() const noexcept { return a_->bytes() + b_->bytes(); }

void LowRank::add(ThreadPool& pool, LinearInput& input, float* y, std::int64_t y_stride) const {
  const std::int64_t rank = a_->rows();
  const std::int64_t rows = b_->rows();
  float* low = input.scratch(0, input.rows() * rank);
  const std::array<LinearCall, 1> down = {{{a_.get(), low, rank}}};
  Linear::apply(pool, input, down);
  float* update = input.scratch(1, input.rows() * rows);
  LinearInput& narrow = input.narrow();
  narrow.set(low, input.rows(), rank, rank);
  const std::array<LinearCall, 1> up = {{{b_.get(), update, rows}}};
  Linear::apply(pool, narrow, up);
  for (std::int64_t m = 0; m < input.rows(); ++m) {
    kernels().add(update + m * rows, rows, y + m * y_stride);
  }
}

}  // namespace lathe
