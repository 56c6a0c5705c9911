// A quantized matrix: the kernels' layout (tensor/packed_matrix.h), in place in the file or made of
// ggml's blocks when the model was loaded.
//
// Inputs become signed bytes. The bits of a product depend on its own row of input alone: not on
// the other rows, the threads or the kernel table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/weight_matrix.h"
#include "model/weight_memory.h"
#include "tensor/packed_matrix.h"

namespace lathe {

class PackedWeights final : public WeightMatrix {
 public:
  // A view of `bytes`, which must outlive the matrix or be `memory`'s.
  PackedWeights(const PackedMatrix& view, std::span<const std::byte> bytes,
                WeightMemory memory = {});

  bool batch_invariant() const noexcept override { return true; }
  std::uint64_t bytes() const noexcept override { return bytes_.size(); }
  std::vector<std::span<const std::byte>> memory(Range rows) const override;
  void row_f32(std::int64_t r, float* out) const noexcept override;
  Pieces pieces(std::int64_t input_rows) const noexcept override;
  void prepare(ThreadPool& pool, LinearInput& input) const override;
  void multiply(const LinearInput& input, int worker, std::int64_t first, std::int64_t last,
                float* y, std::int64_t y_stride) const noexcept override;

 private:
  PackedMatrix view_;
  InputForm form_;
  WeightMemory memory_;
  std::span<const std::byte> bytes_;
};

}  // namespace lathe
