// Matrices of a model and their products with activations: y = W·x + b.
//
// A Linear holds one weight matrix [out, in], in place in the model file where its bytes
// allow, and an optional bias. A LinearInput wraps the rows of activations that several
// matrices share (q, k and v; gate and up), so that whatever a kernel needs of them
// (quantized rows) is made once. apply() computes several products in one fork and join.
//
// Bits: the result of one output element does not depend on the number of threads, nor on
// which other matrices are in the same call. Float weights: it may depend on the number of
// rows (few rows use our own kernels, many use oneDNN).
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

#include "parallel/thread_pool.h"

namespace lathe {

class Linear;

// Rows of activations, and scratch memory that is kept from call to call.
class LinearInput {
 public:
  LinearInput();
  ~LinearInput();
  LinearInput(LinearInput&&) noexcept;
  LinearInput& operator=(LinearInput&&) noexcept;

  // x: rows × cols floats, rows `stride` floats apart, which must stay valid and unchanged
  // until the last apply() with them. Forgets what was made of the former rows.
  void set(const float* x, std::int64_t rows, std::int64_t cols, std::int64_t stride) noexcept;

  const float* data() const noexcept { return x_; }
  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t cols() const noexcept { return cols_; }
  std::int64_t stride() const noexcept { return stride_; }

 private:
  friend class Linear;
  const float* x_ = nullptr;
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::int64_t stride_ = 0;
  // One panel of weights as floats per worker.
  std::vector<std::unique_ptr<float[]>> panels_;
  std::int64_t panel_floats_ = 0;
};

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
  ~Linear();

  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t cols() const noexcept { return cols_; }
  // Bytes that a pass over the matrix reads, wherever they lie.
  std::uint64_t bytes() const noexcept;

  // Row r as floats (an embedding), without the bias.
  void row_f32(std::int64_t r, float* out) const noexcept;

  // All calls have the input's cols(). May throw std::bad_alloc.
  static void apply(ThreadPool& pool, LinearInput& input, std::span<const LinearCall> calls);

 private:
  Linear() = default;
  void compute(LinearInput& input, int worker, std::int64_t first, std::int64_t last, float* y,
               std::int64_t y_stride) const noexcept;

  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  DType dtype_ = DType::kF32;           // kF32, kF16 or kBF16
  const void* weights_ = nullptr;       // rows × cols, row-major, tight
  std::unique_ptr<std::byte[]> owned_;  // when the file's bytes could not be used in place
  std::vector<float> bias_;             // empty, or rows floats
};

}  // namespace lathe
