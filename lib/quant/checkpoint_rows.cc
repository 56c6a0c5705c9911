#include "quant/checkpoint_rows.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "lathe/checkpoint_parts.h"

#include "kernels/conversion_kernels.h"
#include "kernels/select.h"

namespace lathe {
namespace {

// The kernels' conversions are several times as fast as reading floats from the checkpoint.
MatrixSource source_of(const Checkpoint& checkpoint, std::size_t tensor) {
  const TensorInfo& info = checkpoint.tensors()[tensor];
  MatrixSource source;
  source.rows = info.rows();
  source.cols = info.cols();
  source.type = info.dtype;
  const std::int64_t cols = source.cols;
  const bool bf16 = info.dtype == DType::kBF16;
  if (info.dtype == DType::kF32) {
    source.raw = checkpoint.bytes_in_place(tensor);
  } else if (bf16 || info.dtype == DType::kF16) {
    source.raw = checkpoint.bytes_in_place(tensor);
    const auto convert = bf16 ? kernels().convert.bf16_to_f32 : kernels().convert.f16_to_f32;
    const auto* raw = reinterpret_cast<const std::uint16_t*>(source.raw.data());
    source.read = [=, &checkpoint](std::int64_t first, std::int64_t count, std::span<float> rows) {
      if (raw != nullptr) {
        convert(raw + first * cols, count * cols, rows.data());
        return;
      }
      std::vector<std::uint16_t> halves(static_cast<std::size_t>(count * cols));
      checkpoint.read_rows(tensor, first, count, std::as_writable_bytes(std::span(halves)));
      convert(halves.data(), count * cols, rows.data());
    };
    return source;
  }
  source.read = [tensor, &checkpoint](std::int64_t first, std::int64_t count,
                                      std::span<float> rows) {
    checkpoint.read_rows_f32(tensor, first, count, rows);
  };
  return source;
}

}  // namespace

MatrixSource rows_of(const Checkpoint& checkpoint, std::span<const std::size_t> tensors) {
  if (tensors.size() == 1) return source_of(checkpoint, tensors.front());
  std::vector<MatrixSource> parts;
  MatrixSource all;
  for (const std::size_t tensor : tensors) {
    parts.push_back(source_of(checkpoint, tensor));
    all.rows += parts.back().rows;
    all.cols = parts.back().cols;
  }
  all.read = [parts = std::move(parts)](std::int64_t first, std::int64_t count,
                                        std::span<float> out) {
    for (const MatrixSource& part : parts) {
      const std::int64_t from = std::clamp<std::int64_t>(first, 0, part.rows);
      const std::int64_t to = std::clamp<std::int64_t>(first + count, 0, part.rows);
      const auto values = static_cast<std::size_t>((to - from) * part.cols);
      if (to > from) part.read(from, to - from, out.first(values));
      out = out.subspan(values);
      first -= part.rows;
    }
  };
  return all;
}

}  // namespace lathe
