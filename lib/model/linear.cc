#include "model/linear.h"

#include <algorithm>
#include <cstring>

#include "base/escape.h"
#include "base/fail.h"
#include "kernels/kernel_table.h"
#include "model/float_gemm.h"
#include "model/float_panel.h"
#include "model/load_blocks.h"
#include "tensor/packed_layout.h"
#include "tensor/repack_blocks.h"

namespace lathe {
namespace {

// Multiplications that take no longer than waking another thread to share them.
constexpr std::int64_t kWorthSharing = 1 << 16;

// Weight rows that one worker takes at a time when our own kernels multiply floats: enough to
// make the hand-out cheap and few enough to balance.
constexpr std::int64_t kMatvecPiece = 32;
// Rows of input are taken in spans of about this size, which stays in a second-level cache.
constexpr std::int64_t kSpanBytes = 512 << 10;
constexpr std::int64_t kSpanStep = 12;  // a multiple of the rows that kernels take at once

// Up to so many rows of input a matrix may be one stream of memory.
constexpr std::int64_t kFewRows = 8;

// Of packed weights: a few tiles share the inputs in a cache; a few rows of input take this many
// bytes of weights at least, which last about two microseconds.
constexpr std::int64_t kPackedGemmPiece = 64;
constexpr std::int64_t kPackedBytes = 32 << 10;

template <typename Element>
const Element* row_of(const void* weights, std::int64_t row, std::int64_t cols) noexcept {
  return static_cast<const Element*>(weights) + row * cols;
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) noexcept { return (a + b - 1) / b; }

bool aligned(const void* p, std::size_t alignment) noexcept {
  return reinterpret_cast<std::uintptr_t>(p) % alignment == 0;
}

}  // namespace

Linear::~Linear() = default;

std::unique_ptr<Linear> Linear::from_packed(const PackedMatrix& matrix, std::vector<float> bias) {
  std::unique_ptr<Linear> linear(new Linear);
  linear->rows_ = matrix.rows;
  linear->cols_ = matrix.cols;
  linear->matrix_ = matrix;
  linear->bias_ = std::move(bias);
  return linear;
}

std::unique_ptr<Linear> Linear::load(const Checkpoint& checkpoint, std::size_t weight,
                                     std::optional<std::size_t> bias) {
  const TensorInfo& info = checkpoint.tensors()[weight];
  std::unique_ptr<Linear> linear(new Linear);
  linear->rows_ = info.rows();
  linear->cols_ = info.cols();
  const auto load_bias = [&] {
    if (!bias) return;
    linear->bias_.resize(static_cast<std::size_t>(linear->rows_));
    checkpoint.read_rows_f32(*bias, 0, 1, linear->bias_);
  };
  if (info.dtype == DType::kPacked) {
    linear->in_place_ = checkpoint.bytes_in_place(weight);
    linear->matrix_ =
        view_packed(linear->in_place_,
                    fmt::format("{}: tensor {}", quoted(checkpoint.path()), quoted(info.name)));
    load_bias();
    return linear;
  }
  if (packed_scheme_of(info.dtype)) {
    linear->matrix_ = load_blocks(checkpoint, weight, &linear->owned_);
    load_bias();
    return linear;
  }
  const bool plain =
      info.dtype == DType::kF32 || info.dtype == DType::kF16 || info.dtype == DType::kBF16;
  linear->dtype_ = plain ? info.dtype : DType::kF32;
  const std::span<const std::byte> in_place = checkpoint.bytes_in_place(weight);
  const auto element = static_cast<std::size_t>(dtype_info(linear->dtype_).bytes);
  if (plain && !in_place.empty() && aligned(in_place.data(), element)) {
    linear->weights_ = in_place.data();
    linear->in_place_ = in_place;
  } else {
    const std::string what =
        fmt::format("{}: tensor {}", quoted(checkpoint.path()), quoted(info.name));
    const std::optional<std::uint64_t> bytes =
        dtype_bytes(linear->dtype_, static_cast<std::uint64_t>(linear->rows_) *
                                        static_cast<std::uint64_t>(linear->cols_));
    if (!bytes) fail(ErrorCode::kLimit, "{} is too large for this machine", what);
    linear->owned_ = WeightMemory(*bytes, what.c_str());
    const std::span<std::byte> out = linear->owned_.bytes();
    if (plain) {
      checkpoint.read_rows(weight, 0, linear->rows_, out);
    } else {
      checkpoint.read_rows_f32(weight, 0, linear->rows_,
                               {reinterpret_cast<float*>(out.data()), out.size() / sizeof(float)});
    }
    linear->weights_ = out.data();
  }
  load_bias();
  return linear;
}

std::uint64_t Linear::bytes() const noexcept {
  const std::uint64_t adapter = low_a_ ? low_a_->bytes() + low_b_->bytes() : 0;
  if (packed()) return adapter + packed_bytes(matrix_.scheme, rows_, cols_).value_or(0);
  return adapter + static_cast<std::uint64_t>(rows_) * static_cast<std::uint64_t>(cols_) *
                       static_cast<std::uint64_t>(dtype_info(dtype_).bytes);
}

void Linear::row_f32(std::int64_t r, float* out) const noexcept {
  if (packed()) return unpack_row(matrix_, r, out);
  switch (dtype_) {
    case DType::kF16:
      kernels().f16_to_f32(row_of<std::uint16_t>(weights_, r, cols_), cols_, out);
      break;
    case DType::kBF16:
      kernels().bf16_to_f32(row_of<std::uint16_t>(weights_, r, cols_), cols_, out);
      break;
    default:
      std::memcpy(out, row_of<float>(weights_, r, cols_),
                  static_cast<std::size_t>(cols_) * sizeof(float));
  }
}

// What multiplies so many rows of input with these float weights; matvec is for a few.
Linear::FloatPath Linear::float_path(std::int64_t input_rows) const noexcept {
  const FloatGemm& gemm = own_gemm();
  if (gemm.multiply != nullptr) {
    if (input_rows >= gemm.from) return FloatPath::kGemm;
    return gemm.multiply_few != nullptr ? FloatPath::kFew : FloatPath::kMatvec;
  }
  return input_rows >= kernels().library_gemm_from ? FloatPath::kLibrary : FloatPath::kMatvec;
}

const FloatGemm& Linear::own_gemm() const noexcept {
  const KernelTable& table = kernels();
  return dtype_ == DType::kF16    ? table.gemm_f16
         : dtype_ == DType::kBF16 ? table.gemm_bf16
                                  : table.gemm_f32;
}

// Whether a worker reads all rows that are its share as one stream. Else it takes piece by piece:
// what a cache holds beside many rows of input, or what its panel has room for.
bool Linear::is_stream(std::int64_t input_rows) const noexcept {
  if (input_rows > kFewRows) return false;
  if (packed()) return true;
  const FloatPath path = float_path(input_rows);
  return path == FloatPath::kMatvec || path == FloatPath::kFew;
}

std::int64_t Linear::piece_rows(std::int64_t input_rows) const noexcept {
  if (!packed()) {
    const FloatPath path = float_path(input_rows);
    const bool few = path == FloatPath::kMatvec || path == FloatPath::kFew;
    return few ? kMatvecPiece : kFloatPanelRows;
  }
  if (input_rows > kFewRows) return kPackedGemmPiece;
  return std::max<std::int64_t>(1, kPackedBytes / matrix_.tile_bytes) * 16;
}

void Linear::compute_float(const LinearInput& input, int worker, std::int64_t first,
                           std::int64_t last, float* y, std::int64_t y_stride) const noexcept {
  const KernelTable& table = kernels();
  const std::int64_t count = last - first;
  const FloatPath path = float_path(input.rows());
  const auto element = static_cast<std::int64_t>(dtype_info(dtype_).bytes);
  const auto* w = static_cast<const std::byte*>(weights_) + first * cols_ * element;
  const FloatGemm& gemm = own_gemm();
  if (path == FloatPath::kGemm) {
    return gemm.multiply(w, count, cols_, input.tiles(gemm), input.panel(worker), y + first,
                         y_stride);
  }
  if (path == FloatPath::kFew) {
    return gemm.multiply_few(w, count, cols_, input.tiles(gemm), y + first, y_stride);
  }
  if (path == FloatPath::kLibrary) {
    float* panel = input.panel(worker);  // [cols][count]
    make_float_panel(dtype_, w, count, cols_, panel);
    return float_gemm(input.data(), input.stride(), input.rows(), panel, count, count, cols_,
                      y + first, y_stride);
  }
  const std::int64_t fit = kSpanBytes / 4 / cols_ / kSpanStep * kSpanStep;
  const std::int64_t span = std::max(kSpanStep, fit);
  for (std::int64_t m = 0; m < input.rows(); m += span) {
    const std::int64_t rows = std::min(span, input.rows() - m);
    const float* x = input.data() + m * input.stride();
    float* out = y + m * y_stride + first;
    switch (dtype_) {
      case DType::kF16:
        table.matvec_f16(row_of<std::uint16_t>(weights_, first, cols_), count, cols_, x,
                         input.stride(), rows, out, y_stride);
        break;
      case DType::kBF16:
        table.matvec_bf16(row_of<std::uint16_t>(weights_, first, cols_), count, cols_, x,
                          input.stride(), rows, out, y_stride);
        break;
      default:
        table.matvec_f32(row_of<float>(weights_, first, cols_), count, cols_, x, input.stride(),
                         rows, out, y_stride);
    }
  }
}

void Linear::prepare_float(ThreadPool& pool, LinearInput& input) const {
  switch (float_path(input.rows())) {
    case FloatPath::kMatvec:
      return;
    case FloatPath::kFew:
      return input.prepare_tiles(pool, own_gemm());
    case FloatPath::kGemm:
      input.prepare_tiles(pool, own_gemm());
      return input.prepare_panels(pool.size(), kFloatPanelScratch);
    case FloatPath::kLibrary:
      return input.prepare_panels(pool.size(), kFloatPanelRows * input.cols());
  }
}

// Rows [first, last) of the matrix against all rows of the input.
void Linear::compute(const LinearInput& input, int worker, std::int64_t first, std::int64_t last,
                     float* y, std::int64_t y_stride) const noexcept {
  const KernelTable& table = kernels();
  if (packed()) {
    table.packed_matmul(matrix_, first / 16, (last + 15) / 16, input.quantized(matrix_.scheme), y,
                        y_stride);
  } else {
    compute_float(input, worker, first, last, y, y_stride);
  }
  if (!bias_.empty()) {
    for (std::int64_t m = 0; m < input.rows(); ++m) {
      table.add(bias_.data() + first, last - first, y + m * y_stride + first);
    }
  }
}

void Linear::apply(ThreadPool& pool, LinearInput& input, std::span<const LinearCall> calls) {
  if (input.rows() == 0 || calls.empty()) return;
  std::int64_t total = 0;
  std::int64_t products = 0;
  for (const LinearCall& call : calls) {
    const Linear& linear = *call.linear;
    products += linear.rows() * linear.cols() * input.rows();
    total += divide_up(linear.rows(), linear.piece_rows(input.rows()));
    if (linear.packed()) {
      input.prepare_quantized(pool, linear.matrix_.scheme);
    } else {
      linear.prepare_float(pool, input);
    }
  }
  // The pieces of all matrices in one row, handed out to whichever worker is free.
  const auto compute_pieces = [&](int worker, std::int64_t first, std::int64_t last) {
    for (const LinearCall& call : calls) {
      const Linear& linear = *call.linear;
      const std::int64_t size = linear.piece_rows(input.rows());
      const std::int64_t pieces = divide_up(linear.rows(), size);
      const std::int64_t together = linear.is_stream(input.rows()) ? pieces : 1;
      for (std::int64_t p = std::max<std::int64_t>(first, 0); p < std::min(last, pieces);) {
        const std::int64_t end = std::min({p + together, last, pieces});
        linear.compute(input, worker, p * size, std::min(end * size, linear.rows()), call.y,
                       call.y_stride);
        p = end;
      }
      first -= pieces;
      last -= pieces;
    }
  };
  if (products < kWorthSharing) {
    compute_pieces(0, 0, total);
  } else {
    pool.parallel_shares(total, 1, compute_pieces);
  }
  for (const LinearCall& call : calls) {
    if (call.linear->low_a_) call.linear->add_low_rank(pool, input, call.y, call.y_stride);
  }
}

}  // namespace lathe
