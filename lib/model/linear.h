// Matrices of a model and their products with activations: y = W·x + b.
//
// A Linear holds one weight matrix [out, in], in place in the model file where its bytes
// allow, and an optional bias. apply() computes the products of several matrices with the
// same rows of activations in one fork and join.
//
// Bits: the result of one output element does not depend on the number of threads, nor on
// which other matrices are in the same call. Quantized weights: nor on the instruction set,
// nor on which other rows are in the input. Float weights: it may depend on both, where many
// rows at once are left to oneDNN (KernelTable::library_gemm_from).
// Thread-safety: a Linear is immutable; a LinearInput belongs to one caller at a time.
// Errors: load() throws Error as Checkpoint does, and kLimit when memory is short; the rest
// is noexcept (apply() allocates scratch only the first time a size is seen, through the
// LinearInput that it is given).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/lora.h"

#include "model/linear_input.h"
#include "model/weight_memory.h"
#include "parallel/thread_pool.h"
#include "tensor/packed_matrix.h"

namespace lathe {

class Linear;
struct FloatGemm;

// One product of an apply(): y[m · y_stride + r] for m < input rows, r < linear->rows().
struct LinearCall {
  const Linear* linear = nullptr;
  float* y = nullptr;
  std::int64_t y_stride = 0;
};

class Linear {
 public:
  // The matrix `weight` of the checkpoint, and the vector `bias` if given. The Linear keeps
  // pointers into the checkpoint, which must outlive it.
  static std::unique_ptr<Linear> load(const Checkpoint& checkpoint, std::size_t weight,
                                      std::optional<std::size_t> bias = std::nullopt);
  // A packed matrix in memory that must outlive the Linear, and a bias of its rows or nothing.
  static std::unique_ptr<Linear> from_packed(const PackedMatrix& matrix,
                                             std::vector<float> bias = {});
  // A copy of `values` [rows, cols], times `scale`.
  static std::unique_ptr<Linear> from_floats(const std::vector<float>& values, std::int64_t rows,
                                             std::int64_t cols, double scale = 1.0);
  ~Linear();

  // From here on the matrix is W + s·B·A, by products of its own. The pair is copied.
  void adapt(const LoraPair& pair);

  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t cols() const noexcept { return cols_; }
  // Whether a row of a product has the same bits whatever rows are computed beside it.
  bool batch_invariant() const noexcept { return packed() && low_a_ == nullptr; }
  // Bytes that a pass over the matrix (and its adapter) reads, wherever they lie.
  std::uint64_t bytes() const noexcept;

  // Where they lie: in the file's mapping, or in memory of the Linear.
  std::span<const std::byte> memory() const noexcept {
    return owned_.bytes().empty() ? in_place_ : owned_.bytes();
  }

  // Row r as floats (an embedding), without the bias.
  void row_f32(std::int64_t r, float* out) const noexcept;

  // All calls have the input's cols(). May throw std::bad_alloc.
  static void apply(ThreadPool& pool, LinearInput& input, std::span<const LinearCall> calls);

 private:
  Linear() = default;
  bool packed() const noexcept { return matrix_.weights != nullptr; }
  // y += B·(A·x) for all rows of the input.
  void add_low_rank(ThreadPool& pool, LinearInput& input, float* y, std::int64_t y_stride) const;
  enum class FloatPath { kMatvec, kFew, kGemm, kLibrary };
  FloatPath float_path(std::int64_t input_rows) const noexcept;
  const FloatGemm& own_gemm() const noexcept;
  bool is_stream(std::int64_t input_rows) const noexcept;
  std::int64_t piece_rows(std::int64_t input_rows) const noexcept;
  void compute(const LinearInput& input, int worker, std::int64_t first, std::int64_t last,
               float* y, std::int64_t y_stride) const noexcept;
  void prepare_float(ThreadPool& pool, LinearInput& input) const;
  void compute_float(const LinearInput& input, int worker, std::int64_t first, std::int64_t last,
                     float* y, std::int64_t y_stride) const noexcept;

  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  // Either floats, row-major and tight, of type dtype_ (kF32, kF16 or kBF16) ...
  DType dtype_ = DType::kF32;
  const void* weights_ = nullptr;
  // ... or a packed matrix.
  PackedMatrix matrix_;
  std::span<const std::byte> in_place_;  // the file's bytes, or
  WeightMemory owned_;                   // when the file's bytes could not be used in place
  std::vector<float> bias_;              // empty, or rows floats
  // An adapter, or nothing: [rank, cols] and [rows, rank], the scale in the latter.
  std::unique_ptr<Linear> low_a_, low_b_;
};

}  // namespace lathe
