// A whole matrix into its packed form, on all threads, reading the rows as they are needed and
// handing on what is finished.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lathe/dtype.h"

#include "parallel/thread_pool.h"
#include "quant/error_feedback.h"
#include "quant/folder_scheme.h"
#include "tensor/packed_layout.h"

namespace lathe {

// Rows [first, first + count) as floats, count × cols. Called from several threads at once;
// may throw.
using RowReader = std::function<void(std::int64_t first, std::int64_t count, std::span<float> out)>;

struct MatrixSource {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  RowReader read;
  // The same weights as they are stored, where they lie in memory as F32, F16 or BF16: the first
  // look at all of them is then faster.
  DType type = DType::kF32;
  std::span<const std::byte> raw;
};

struct MatrixError {
  double signal = 0.0;  // Σ w²
  double error = 0.0;   // Σ (w - ŵ)²
  std::int64_t worst_row = 0;
  double worst_row_sqnr = 0.0;  // decibels

  // Signal to quantization noise ratio in decibels; infinity when nothing was lost.
  double sqnr() const noexcept;
};

// Gets the output's bytes from its beginning to its end, piece after piece, as they are finished.
using FinishedBytes = std::function<void(std::span<const std::byte>)>;

// How much errors count.
struct ErrorWeights {
  std::span<const float> importance;  // of each input, or empty: all alike
  // Of errors together, so that some make good others; or null.
  const ErrorFeedback* feedback = nullptr;
};

// Writes packed_bytes(scheme, rows, cols) bytes to `out`. The result is the same for every number
// of threads and every kernel table. Throws kInvalid when a weight is not finite (the caller names
// the tensor; nothing is finished then), and what `read` and `finished` throw.
MatrixError quantize_matrix(const PackedScheme& scheme, const MatrixSource& source,
                            const ErrorWeights& weights, ThreadPool& pool, std::span<std::byte> out,
                            const FinishedBytes& finished = {});

// The same into ggml's blocks (quant/block_form.h has the types), rows × dtype_bytes(type, cols)
// bytes; cols is a multiple of the type's block.
MatrixError quantize_matrix(DType type, const MatrixSource& source, const ErrorWeights& weights,
                            ThreadPool& pool, std::span<std::byte> out,
                            const FinishedBytes& finished = {});

// The same into the tensors of a folder, those of folder_tensors(), which `finished` gets one by
// one.
MatrixError quantize_matrix(const FolderScheme& scheme, const MatrixSource& source,
                            const ErrorWeights& weights, ThreadPool& pool, std::span<std::byte> out,
                            const FinishedBytes& finished = {});

}  // namespace lathe
