#include "model/low_rank.h"

#include <algorithm>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "parallel/worth_sharing.h"

namespace lathe {
namespace {

// From so many rows of input on they are shared out; fewer share the rows of a matrix.
constexpr std::int64_t kManyInputs = 48;
constexpr std::int64_t kInputsPiece = 24;
constexpr std::int64_t kRowsPieceOfA = 4;
constexpr std::int64_t kRowsPieceOfB = 256;

WeightMemory floats(std::int64_t rows, std::int64_t cols) {
  return WeightMemory(static_cast<std::uint64_t>(rows * cols) * sizeof(float),
                      "an adapter's matrix");
}

const float* values(const WeightMemory& memory) noexcept {
  return reinterpret_cast<const float*>(memory.bytes().data());
}

// Calls body(first input, last input, first row, last row) for all inputs and rows of a matrix.
template <typename Body>
void share(ThreadPool& pool, std::int64_t inputs, std::int64_t rows, std::int64_t cols,
           std::int64_t rows_piece, Body&& body) noexcept {
  if (inputs * rows * cols < kProductsWorthSharing) return body(0, inputs, 0, rows);
  if (inputs >= kManyInputs) {
    pool.parallel_for(inputs, kInputsPiece,
                      [&](std::int64_t first, std::int64_t last) { body(first, last, 0, rows); });
  } else {
    pool.parallel_for(rows, rows_piece,
                      [&](std::int64_t first, std::int64_t last) { body(0, inputs, first, last); });
  }
}

}  // namespace

LowRank::LowRank(const LoraPair& pair)
    : rank_(pair.rank),
      cols_(pair.in),
      rows_(pair.out),
      a_(floats(rank_, cols_)),
      b_(floats(rank_, rows_)) {
  std::copy(pair.a.begin(), pair.a.end(), reinterpret_cast<float*>(a_.bytes().data()));
  auto* turned = reinterpret_cast<float*>(b_.bytes().data());
  for (std::int64_t r = 0; r < rows_; ++r) {
    for (std::int64_t k = 0; k < rank_; ++k) {
      const float b = pair.b[static_cast<std::size_t>(r * rank_ + k)];
      turned[k * rows_ + r] = static_cast<float>(static_cast<double>(b) * pair.scale);
    }
  }
}

void LowRank::add(ThreadPool& pool, LinearInput& input, Range rows, float* y,
                  std::int64_t y_stride) const {
  const ForwardKernels& table = kernels().forward;
  const std::int64_t inputs = input.rows();
  float* low = input.scratch(inputs * rank_);  // [inputs][rank]
  share(pool, inputs, rank_, cols_, kRowsPieceOfA,
        [&](std::int64_t m, std::int64_t end, std::int64_t first, std::int64_t last) {
          table.f32.matvec(values(a_) + first * cols_, last - first, cols_,
                           input.data() + m * input.stride(), input.stride(), end - m,
                           low + m * rank_ + first, rank_);
        });
  share(pool, inputs, rows.size(), rank_, kRowsPieceOfB,
        [&](std::int64_t m, std::int64_t end, std::int64_t first, std::int64_t last) {
          first += rows.first;
          last += rows.first;
          table.add_low_rank(values(b_) + first, rows_, rank_, last - first, low + m * rank_, rank_,
                             end - m, y + m * y_stride + first, y_stride);
        });
}

}  // namespace lathe
