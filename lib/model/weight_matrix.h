// One matrix of weights [rows, cols] and its products with rows of input: what Linear multiplies.
//
// A matrix holds floats (float_matrix.h) or is quantized (packed_weights.h); load_matrix.h makes
// one of a tensor. Immutable, so thread-safe. Bits: a product does not depend on how its rows are
// cut into pieces, nor on who computes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/linear_input.h"
#include "model/split.h"
#include "parallel/thread_pool.h"

namespace lathe {

class WeightMatrix {
 public:
  WeightMatrix(std::int64_t rows, std::int64_t cols) : rows_(rows), cols_(cols) {}
  virtual ~WeightMatrix() = default;
  WeightMatrix(const WeightMatrix&) = delete;
  WeightMatrix& operator=(const WeightMatrix&) = delete;

  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t cols() const noexcept { return cols_; }

  // Whether a row of a product has the same bits whatever rows are computed beside it.
  virtual bool batch_invariant() const noexcept = 0;
  // Bytes that a pass over the matrix reads.
  virtual std::uint64_t bytes() const noexcept = 0;
  // Where these rows lie, whole tiles of a quantized matrix: in the file's mapping, or in memory of
  // the matrix.
  virtual std::vector<std::span<const std::byte>> memory(Range rows) const = 0;
  // Row r as floats.
  virtual void row_f32(std::int64_t r, float* out) const noexcept = 0;

  // How the rows are handed out to workers, for so many rows of input.
  struct Pieces {
    std::int64_t rows;  // of the matrix, per piece
    // Whether a worker reads all pieces of its share as one stream of memory. Else it takes one by
    // one: what a cache holds beside many rows of input, or what its panel has room for.
    bool stream;
  };
  virtual Pieces pieces(std::int64_t input_rows) const noexcept = 0;

  // Makes of the input what multiply() reads. May throw std::bad_alloc.
  virtual void prepare(ThreadPool& pool, LinearInput& input) const = 0;
  // y[m · y_stride + r] for all rows m of the input and the rows [first, last) of the matrix: whole
  // pieces but for the last, and one at a time unless they are a stream.
  virtual void multiply(const LinearInput& input, int worker, std::int64_t first, std::int64_t last,
                        float* y, std::int64_t y_stride) const noexcept = 0;

 protected:
  // Up to so many rows of input a matrix may be one stream of memory.
  static constexpr std::int64_t kFewInputs = 8;

 private:
  std::int64_t rows_;
  std::int64_t cols_;
};

}  // namespace lathe
