// Rows of activations that several matrices multiply (q, k and v; gate and up), and what the
// kernels make of them: whatever one product needs, such as quantized rows, is made once and
// shared by the others. Memory is kept from call to call.
//
// Thread-safety: one caller at a time; the workers of an apply() only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/float_kernels.h"
#include "model/float_buffer.h"
#include "parallel/thread_pool.h"
#include "tensor/input_tiles.h"
#include "tensor/packed_matrix.h"

namespace lathe {

// The order in which a matrix wants its inputs.
struct InputForm {
  // The inputs in the order of the matrix's columns; empty: as they are.
  std::span<const std::uint32_t> order = {};
  std::uint64_t sum = 0;  // a checksum of it, by which orders are told apart
};

class LinearInput {
 public:
  // x: rows × cols floats, rows `stride` floats apart, which must stay valid and unchanged
  // until the last product with them. Forgets what was made of the former rows.
  void set(const float* x, std::int64_t rows, std::int64_t cols, std::int64_t stride) noexcept;

  const float* data() const noexcept { return x_; }
  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t cols() const noexcept { return cols_; }
  std::int64_t stride() const noexcept { return stride_; }

  // The rows as signed bytes, as matrices of a scheme want them: made by prepare_quantized(),
  // which may throw std::bad_alloc, and then to be had until set().
  // Matrices that want the same share what is made of them.
  void prepare_quantized(ThreadPool& pool, const PackedScheme& scheme, const InputForm& form = {});
  const QuantizedRows& quantized(const PackedScheme& scheme,
                                 const InputForm& form = {}) const noexcept;

  // The rows in tiles, as FloatKernels want them: likewise.
  void prepare_tiles(ThreadPool& pool, const FloatKernels& floats);
  const InputTiles& tiles(const FloatKernels& floats) const noexcept;

  // Scratch of one worker: at least as many floats as the last prepare_panels() asked for.
  void prepare_panels(int workers, std::int64_t floats);
  float* panel(int worker) const noexcept {
    return panels_[static_cast<std::size_t>(worker)].data();
  }

  // Scratch of the caller, of at least as many floats as asked for. May throw std::bad_alloc.
  float* scratch(std::int64_t floats);

 private:
  struct Quantized {
    QuantizedRows rows;
    bool ready = false;
    std::uint64_t order = 0;  // InputForm's sum
    std::vector<float> gathered;
    std::vector<std::int8_t> q;
    std::vector<float> scale;
    std::vector<float> sum;
    std::vector<std::int32_t> minus_eight_sum;
  };
  // The form that is it, or one that will be.
  Quantized& form_for(const PackedScheme& scheme, const InputForm& form);

  struct Tiles {
    InputTiles tiles;
    bool ready = false;
    FloatBuffer words;
  };

  const float* x_ = nullptr;
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::int64_t stride_ = 0;
  // One of each form that a matrix has asked for so far: a handful.
  std::vector<Quantized> quantized_;
  std::vector<Tiles> tiles_;
  mutable std::vector<FloatBuffer> panels_;
  FloatBuffer scratch_;
};

}  // namespace lathe
