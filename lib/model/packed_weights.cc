#include "model/packed_weights.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "base/checksum.h"
#include "base/divide_up.h"
#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "tensor/packed_layout.h"

namespace lathe {
namespace {

// Of many rows of input, those that a few tiles share stay in a cache.
constexpr std::int64_t kManyInputsPiece = 64;
// Few rows of input take this many bytes of weights at least, which last about two microseconds.
constexpr std::int64_t kFewInputsBytes = 32 << 10;

}  // namespace

PackedWeights::PackedWeights(const PackedMatrix& view, std::span<const std::byte> bytes,
                             WeightMemory memory)
    : WeightMatrix(view.rows, view.cols), view_(view), memory_(std::move(memory)), bytes_(bytes) {
  form_.order = packed_order(bytes);
  if (form_.order.empty()) return;
  Checksum sum;
  sum.add(std::as_bytes(form_.order));
  const std::string text = sum.text();
  std::from_chars(text.data(), text.data() + text.size(), form_.sum, 16);
  form_.sum |= 1u;  // never that of none
}

std::vector<std::span<const std::byte>> PackedWeights::memory(Range range) const {
  if (range == Range{0, rows()}) return {bytes_};
  return packed_pieces(view_, range.first / 16, divide_up(range.last, 16));
}

void PackedWeights::row_f32(std::int64_t r, float* out) const noexcept {
  unpack_row(view_, r, out);
  to_input_order(form_.order, out);
}

WeightMatrix::Pieces PackedWeights::pieces(std::int64_t input_rows) const noexcept {
  if (input_rows > kFewInputs) return {kManyInputsPiece, false};
  return {std::max<std::int64_t>(1, kFewInputsBytes / view_.tile_bytes) * 16, true};
}

void PackedWeights::prepare(ThreadPool& pool, LinearInput& input) const {
  input.prepare_quantized(pool, view_.scheme, form_);
}

void PackedWeights::multiply(const LinearInput& input, int, std::int64_t first, std::int64_t last,
                             float* y, std::int64_t y_stride) const noexcept {
  kernels().forward.packed_matmul(view_, first / 16, (last + 15) / 16,
                                  input.quantized(view_.scheme, form_), y, y_stride);
}

}  // namespace lathe
