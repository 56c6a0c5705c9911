// Matrices of a model and their products with activations: y = W·x + b.
//
// A Linear is one weight matrix [out, in], an optional bias, and perhaps an adapter beside it.
// apply() computes the products of several matrices with the same rows of activations in one fork
// and join.
//
// Bits: the result of one output element does not depend on the number of threads, nor on
// which other matrices are in the same call. Quantized weights: nor on the instruction set,
// nor on which other rows are in the input. Float weights: it may depend on both (float_matrix.h).
// An adapter changes nothing about that.
// Thread-safety: a Linear is immutable; a LinearInput belongs to one caller at a time.
// Errors: load() throws Error as load_matrix() does; the rest is noexcept, but for apply(), which
// allocates scratch the first time that a size is seen, through the LinearInput that it is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/lora.h"

#include "model/linear_input.h"
#include "model/low_rank.h"
#include "model/split.h"
#include "model/weight_matrix.h"
#include "parallel/thread_pool.h"

namespace lathe {

class Linear;

// One product of an apply(): y[m · y_stride + r] for m < input rows and the rows r that the Linear
// computes.
struct LinearCall {
  const Linear* linear = nullptr;
  float* y = nullptr;
  std::int64_t y_stride = 0;
};

// Products with the same rows of input.
struct LinearGroup {
  LinearInput* input = nullptr;
  std::span<const LinearCall> calls;
};

class Linear {
 public:
  // A bias of the matrix's rows, or nothing.
  explicit Linear(std::unique_ptr<WeightMatrix> matrix, std::vector<float> bias = {});
  // The matrix `weight` of the checkpoint, and the vector `bias` if given. The Linear keeps
  // pointers into the checkpoint, which must outlive it. `own`: the rows that it computes, where
  // others are somebody else's; only those are read.
  static std::unique_ptr<Linear> load(const Checkpoint& checkpoint, std::size_t weight,
                                      std::optional<std::size_t> bias, ThreadPool& pool,
                                      std::optional<Range> own = {});

  // From here on the matrix is W + s·B·A, by products of its own. The pair is copied.
  void adapt(const LoraPair& pair);

  std::int64_t rows() const noexcept { return matrix_->rows(); }
  std::int64_t cols() const noexcept { return matrix_->cols(); }
  // Whether a row of a product has the same bits whatever rows are computed beside it.
  bool batch_invariant() const noexcept { return matrix_->batch_invariant(); }
  // The rows that it computes: all, but in an ensemble.
  Range own() const noexcept { return own_; }
  // Bytes that a pass over the whole matrix (and its adapter) reads, wherever they lie.
  std::uint64_t bytes() const noexcept { return matrix_->bytes() + adapter_bytes(); }
  std::uint64_t adapter_bytes() const noexcept { return adapter_ ? adapter_->bytes() : 0; }

  // Where its own rows lie: in the file's mapping, or in memory of its own.
  std::vector<std::span<const std::byte>> memory() const { return matrix_->memory(own_); }

  // Of matrices that one apply() multiplies with one row of input, or none where a pointer is null:
  // where the rows lie that a worker of so many computes unless another is done before.
  static std::vector<std::span<const std::byte>> memory_of_worker(
      std::span<const Linear* const> together, int worker, int workers);

  // Row r, one of its own, as floats (an embedding), without the bias.
  void row_f32(std::int64_t r, float* out) const noexcept { matrix_->row_f32(r, out); }

  // All calls have the input's cols(). May throw std::bad_alloc.
  static void apply(ThreadPool& pool, LinearInput& input, std::span<const LinearCall> calls);
  // The products of several inputs at once.
  static void apply(ThreadPool& pool, std::span<const LinearGroup> groups);

 private:
  // The pieces [first, last) of its own rows' product with its bias; none when last <= first.
  void compute(const LinearInput& input, int worker, std::int64_t first, std::int64_t last,
               const WeightMatrix::Pieces& pieces, const LinearCall& call) const noexcept;

  std::unique_ptr<WeightMatrix> matrix_;
  Range own_;
  std::vector<float> bias_;  // empty, or rows floats
  std::unique_ptr<LowRank> adapter_;
};

}  // namespace lathe
