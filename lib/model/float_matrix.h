// A matrix of floats: F32, F16 or BF16, row-major and tight.
//
// Few rows of input are multiplied along the rows as they lie in memory; many by kernels of our own
// where the table has them (FloatKernels::multiply), else by oneDNN. So the bits of a product may
// depend on the table and on the number of rows of input, and on nothing else.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lathe/dtype.h"

#include "model/weight_matrix.h"
#include "model/weight_memory.h"

namespace lathe {

struct FloatKernels;

class FloatMatrix final : public WeightMatrix {
 public:
  // weights: rows · cols elements of `type` (kF32, kF16 or kBF16), aligned for it, which must
  // outlive the matrix or be `memory`'s.
  FloatMatrix(DType type, std::int64_t rows, std::int64_t cols, std::span<const std::byte> weights,
              WeightMemory memory = {});

  bool batch_invariant() const noexcept override { return false; }
  std::uint64_t bytes() const noexcept override { return weights_.size(); }
  std::vector<std::span<const std::byte>> memory(Range rows) const override;
  void row_f32(std::int64_t r, float* out) const noexcept override;
  Pieces pieces(std::int64_t input_rows) const noexcept override;
  void prepare(ThreadPool& pool, LinearInput& input) const override;
  void multiply(const LinearInput& input, int worker, std::int64_t first, std::int64_t last,
                float* y, std::int64_t y_stride) const noexcept override;

 private:
  // What multiplies: along the rows, tiles of one row (few) or several (own), or oneDNN.
  enum class Path { kMatvec, kFew, kOwn, kLibrary };
  Path path(std::int64_t input_rows) const noexcept;
  const FloatKernels& own() const noexcept;
  const std::byte* row(std::int64_t r) const noexcept;
  void multiply_by_matvec(const LinearInput& input, std::int64_t first, std::int64_t count,
                          float* y, std::int64_t y_stride) const noexcept;

  DType type_;
  WeightMemory memory_;
  std::span<const std::byte> weights_;
};

}  // namespace lathe
