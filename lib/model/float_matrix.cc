#include "model/float_matrix.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/conversion_kernels.h"
#include "kernels/forward_kernels.h"
#include "kernels/onednn_sgemm.h"
#include "kernels/select.h"
#include "model/float_panel.h"

namespace lathe {
namespace {

// Weight rows that one worker takes at a time along the rows: enough to make the hand-out cheap
// and few enough to balance.
constexpr std::int64_t kMatvecPiece = 32;
static_assert(kFloatGrain % kMatvecPiece == 0 && kFloatGrain % kFloatPanelRows == 0);
// Rows of input are taken in spans of about this size, which stays in a second-level cache.
constexpr std::int64_t kSpanBytes = 512 << 10;
constexpr std::int64_t kSpanStep = 12;  // a multiple of the rows that kernels take at once

}  // namespace

FloatMatrix::FloatMatrix(DType type, std::int64_t rows, std::int64_t cols,
                         std::span<const std::byte> weights, WeightMemory memory)
    : WeightMatrix(rows, cols), type_(type), memory_(std::move(memory)), weights_(weights) {}

const FloatKernels& FloatMatrix::own() const noexcept {
  const ForwardKernels& table = kernels().forward;
  return type_ == DType::kF16 ? table.f16 : type_ == DType::kBF16 ? table.bf16 : table.f32;
}

const std::byte* FloatMatrix::row(std::int64_t r) const noexcept {
  return weights_.data() + r * cols() * static_cast<std::int64_t>(dtype_info(type_).bytes);
}

std::vector<std::span<const std::byte>> FloatMatrix::memory(Range rows) const {
  return {std::span<const std::byte>(row(rows.first), row(rows.last))};
}

FloatMatrix::Path FloatMatrix::path(std::int64_t input_rows) const noexcept {
  const FloatKernels& floats = own();
  if (floats.multiply != nullptr) {
    if (input_rows >= floats.from) return Path::kOwn;
    return floats.multiply_few != nullptr ? Path::kFew : Path::kMatvec;
  }
  return input_rows >= kernels().forward.library_from ? Path::kLibrary : Path::kMatvec;
}

WeightMatrix::Pieces FloatMatrix::pieces(std::int64_t input_rows) const noexcept {
  const Path by = path(input_rows);
  const bool along_rows = by == Path::kMatvec || by == Path::kFew;
  return {along_rows ? kMatvecPiece : kFloatPanelRows, along_rows && input_rows <= kFewInputs};
}

void FloatMatrix::prepare(ThreadPool& pool, LinearInput& input) const {
  switch (path(input.rows())) {
    case Path::kMatvec:
      return;
    case Path::kFew:
      return input.prepare_tiles(pool, own());
    case Path::kOwn:
      input.prepare_tiles(pool, own());
      return input.prepare_panels(pool.size(), kFloatPanelScratch);
    case Path::kLibrary:
      return input.prepare_panels(pool.size(), kFloatPanelRows * input.cols());
  }
}

void FloatMatrix::multiply(const LinearInput& input, int worker, std::int64_t first,
                           std::int64_t last, float* y, std::int64_t y_stride) const noexcept {
  const FloatKernels& floats = own();
  const std::byte* w = row(first);
  const std::int64_t count = last - first;
  float* out = y + first;
  switch (path(input.rows())) {
    case Path::kMatvec:
      return multiply_by_matvec(input, first, count, out, y_stride);
    case Path::kFew:
      return floats.multiply_few(w, count, cols(), input.tiles(floats), out, y_stride);
    case Path::kOwn:
      return floats.multiply(w, count, cols(), input.tiles(floats), input.panel(worker), out,
                             y_stride);
    case Path::kLibrary: {
      float* panel = input.panel(worker);  // [cols][count]
      make_float_panel(type_, w, count, cols(), panel);
      return onednn_sgemm(input.data(), input.stride(), input.rows(), panel, count, count, cols(),
                          out, y_stride);
    }
  }
}

void FloatMatrix::multiply_by_matvec(const LinearInput& input, std::int64_t first,
                                     std::int64_t count, float* y,
                                     std::int64_t y_stride) const noexcept {
  const std::int64_t fit = kSpanBytes / 4 / cols() / kSpanStep * kSpanStep;
  const std::int64_t span = std::max(kSpanStep, fit);
  for (std::int64_t m = 0; m < input.rows(); m += span) {
    own().matvec(row(first), count, cols(), input.data() + m * input.stride(), input.stride(),
                 std::min(span, input.rows() - m), y + m * y_stride, y_stride);
  }
}

void FloatMatrix::row_f32(std::int64_t r, float* out) const noexcept {
  const void* from = row(r);
  switch (type_) {
    case DType::kF16:
      return kernels().convert.f16_to_f32(static_cast<const std::uint16_t*>(from), cols(), out);
    case DType::kBF16:
      return kernels().convert.bf16_to_f32(static_cast<const std::uint16_t*>(from), cols(), out);
    default:
      std::memcpy(out, from, static_cast<std::size_t>(cols()) * sizeof(float));
  }
}

}  // namespace lathe
