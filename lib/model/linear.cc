#include "model/linear.h"

#include <algorithm>
#include <utility>

#include "base/divide_up.h"
#include "checkpoint/vectors.h"
#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "model/load_matrix.h"
#include "parallel/shares.h"
#include "parallel/worth_sharing.h"

namespace lathe {

Linear::Linear(std::unique_ptr<WeightMatrix> matrix, std::vector<float> bias)
    : matrix_(std::move(matrix)), own_{0, matrix_->rows()}, bias_(std::move(bias)) {}

std::unique_ptr<Linear> Linear::load(const Checkpoint& checkpoint, std::size_t weight,
                                     std::optional<std::size_t> bias, ThreadPool& pool,
                                     std::optional<Range> own) {
  const Range rows = own.value_or(Range{0, checkpoint.tensors()[weight].rows()});
  auto out = std::make_unique<Linear>(load_matrix(checkpoint, weight, pool, rows),
                                      bias ? read_vector(checkpoint, *bias) : std::vector<float>());
  out->own_ = rows;
  return out;
}

void Linear::adapt(const LoraPair& pair) { adapter_ = std::make_unique<LowRank>(pair); }

void Linear::compute(const LinearInput& input, int worker, std::int64_t first, std::int64_t last,
                     const WeightMatrix::Pieces& pieces, const LinearCall& call) const noexcept {
  const std::int64_t step = pieces.stream ? last - first : 1;
  for (std::int64_t piece = first; piece < last; piece += step) {
    const std::int64_t begin = own_.first + piece * pieces.rows;
    const std::int64_t end = std::min(own_.last, own_.first + (piece + step) * pieces.rows);
    matrix_->multiply(input, worker, begin, end, call.y, call.y_stride);
    if (bias_.empty()) continue;
    for (std::int64_t m = 0; m < input.rows(); ++m) {
      kernels().forward.add(bias_.data() + begin, end - begin, call.y + m * call.y_stride + begin);
    }
  }
}

std::vector<std::span<const std::byte>> Linear::memory_of_worker(
    std::span<const Linear* const> together, int worker, int workers) {
  const auto rows_of_piece = [](const Linear& linear) { return linear.matrix_->pieces(1).rows; };
  std::int64_t total = 0;
  for (const Linear* linear : together) {
    if (linear != nullptr) total += divide_up(linear->own_.size(), rows_of_piece(*linear));
  }
  auto [first, last] = own_work(total, worker, workers);
  std::vector<std::span<const std::byte>> out;
  for (const Linear* linear : together) {
    if (linear == nullptr) continue;
    const Range own = linear->own_;
    const std::int64_t rows = rows_of_piece(*linear);
    const Range some = {std::min(own.last, own.first + std::max<std::int64_t>(first, 0) * rows),
                        std::min(own.last, own.first + std::max<std::int64_t>(last, 0) * rows)};
    if (some.size() > 0) {
      for (const auto piece : linear->matrix_->memory(some)) out.push_back(piece);
    }
    const std::int64_t count = divide_up(own.size(), rows);
    first -= count;
    last -= count;
  }
  return out;
}

void Linear::apply(ThreadPool& pool, LinearInput& input, std::span<const LinearCall> calls) {
  if (input.rows() == 0 || calls.empty()) return;
  const LinearGroup group = {&input, calls};
  apply(pool, std::span(&group, 1));
}

void Linear::apply(ThreadPool& pool, std::span<const LinearGroup> groups) {
  std::int64_t total = 0;
  std::int64_t products = 0;
  for (const LinearGroup& group : groups) {
    for (const LinearCall& call : group.calls) {
      const WeightMatrix& matrix = *call.linear->matrix_;
      const std::int64_t rows = call.linear->own_.size();
      if (rows == 0) continue;
      products += rows * matrix.cols() * group.input->rows();
      total += divide_up(rows, matrix.pieces(group.input->rows()).rows);
      matrix.prepare(pool, *group.input);
    }
  }
  // The pieces of all matrices in one row, handed out to whichever worker is free.
  const auto compute_pieces = [&](int worker, std::int64_t first, std::int64_t last) {
    for (const LinearGroup& group : groups) {
      for (const LinearCall& call : group.calls) {
        const WeightMatrix::Pieces pieces = call.linear->matrix_->pieces(group.input->rows());
        const std::int64_t count = divide_up(call.linear->own_.size(), pieces.rows);
        call.linear->compute(*group.input, worker, std::max<std::int64_t>(first, 0),
                             std::min(last, count), pieces, call);
        first -= count;
        last -= count;
      }
    }
  };
  if (products < kProductsWorthSharing) {
    compute_pieces(0, 0, total);
  } else {
    pool.parallel_shares(total, 1, compute_pieces);
  }
  for (const LinearGroup& group : groups) {
    for (const LinearCall& call : group.calls) {
      if (!call.linear->adapter_ || call.linear->own_.size() == 0) continue;
      call.linear->adapter_->add(pool, *group.input, call.linear->own_, call.y, call.y_stride);
    }
  }
}

}  // namespace lathe
