#include "model/linear.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "base/escape.h"
#include "base/fail.h"
#include "kernels/kernel_table.h"
#include "model/float_gemm.h"

namespace lathe {
namespace {

// Up to this many rows of input our own kernels are faster than a GEMM: they read the
// weights once per kMatvecBatch rows, straight from the file.
constexpr std::int64_t kFewRows = 4;

// Weight rows that one worker takes at a time. For the GEMM, 64 rows of 2048 floats are
// 512 KB: half of a usual second-level cache. For a few rows, enough to make the hand-out
// cheap and few enough to balance.
constexpr std::int64_t kGemmPanel = 64;
constexpr std::int64_t kMatvecPanel = 32;

template <typename Element>
const Element* row_of(const void* weights, std::int64_t row, std::int64_t cols) noexcept {
  return static_cast<const Element*>(weights) + row * cols;
}

bool aligned(const void* p, std::size_t alignment) noexcept {
  return reinterpret_cast<std::uintptr_t>(p) % alignment == 0;
}

}  // namespace

LinearInput::LinearInput() = default;
LinearInput::~LinearInput() = default;
LinearInput::LinearInput(LinearInput&&) noexcept = default;
LinearInput& LinearInput::operator=(LinearInput&&) noexcept = default;

void LinearInput::set(const float* x, std::int64_t rows, std::int64_t cols,
                      std::int64_t stride) noexcept {
  x_ = x;
  rows_ = rows;
  cols_ = cols;
  stride_ = stride;
}

Linear::~Linear() = default;

std::unique_ptr<Linear> Linear::load(const Checkpoint& checkpoint, std::size_t weight,
                                     std::optional<std::size_t> bias) {
  const TensorInfo& info = checkpoint.tensors()[weight];
  std::unique_ptr<Linear> linear(new Linear);
  linear->rows_ = info.rows();
  linear->cols_ = info.cols();
  const bool plain =
      info.dtype == DType::kF32 || info.dtype == DType::kF16 || info.dtype == DType::kBF16;
  linear->dtype_ = plain ? info.dtype : DType::kF32;
  const std::span<const std::byte> in_place = checkpoint.bytes_in_place(weight);
  const auto element = static_cast<std::size_t>(dtype_info(linear->dtype_).bytes);
  if (plain && !in_place.empty() && aligned(in_place.data(), element)) {
    linear->weights_ = in_place.data();
  } else {
    const std::optional<std::uint64_t> bytes =
        dtype_bytes(linear->dtype_, static_cast<std::uint64_t>(linear->rows_) *
                                        static_cast<std::uint64_t>(linear->cols_));
    if (!bytes || *bytes > std::numeric_limits<std::size_t>::max() / 2) {
      fail(ErrorCode::kLimit, "{}: tensor {} is too large for this machine",
           quoted(checkpoint.path()), quoted(info.name));
    }
    linear->owned_.reset(new (std::nothrow) std::byte[*bytes]);
    if (linear->owned_ == nullptr) {
      fail(ErrorCode::kLimit, "{}: tensor {} needs {} bytes of memory, which cannot be had",
           quoted(checkpoint.path()), quoted(info.name), *bytes);
    }
    const std::span<std::byte> out(linear->owned_.get(), *bytes);
    if (plain) {
      checkpoint.read_rows(weight, 0, linear->rows_, out);
    } else {
      checkpoint.read_rows_f32(weight, 0, linear->rows_,
                               {reinterpret_cast<float*>(out.data()), out.size() / sizeof(float)});
    }
    linear->weights_ = linear->owned_.get();
  }
  if (bias) {
    linear->bias_.resize(static_cast<std::size_t>(linear->rows_));
    checkpoint.read_rows_f32(*bias, 0, 1, linear->bias_);
  }
  return linear;
}

std::uint64_t Linear::bytes() const noexcept {
  return static_cast<std::uint64_t>(rows_) * static_cast<std::uint64_t>(cols_) *
         static_cast<std::uint64_t>(dtype_info(dtype_).bytes);
}

void Linear::row_f32(std::int64_t r, float* out) const noexcept {
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

// Rows [first, last) of the matrix against all rows of the input.
void Linear::compute(LinearInput& input, int worker, std::int64_t first, std::int64_t last,
                     float* y, std::int64_t y_stride) const noexcept {
  const KernelTable& table = kernels();
  const std::int64_t count = last - first;
  const float* x = input.data();
  if (input.rows() <= kFewRows) {
    switch (dtype_) {
      case DType::kF16:
        table.matvec_f16(row_of<std::uint16_t>(weights_, first, cols_), count, cols_, x,
                         input.stride(), input.rows(), y + first, y_stride);
        break;
      case DType::kBF16:
        table.matvec_bf16(row_of<std::uint16_t>(weights_, first, cols_), count, cols_, x,
                          input.stride(), input.rows(), y + first, y_stride);
        break;
      default:
        table.matvec_f32(row_of<float>(weights_, first, cols_), count, cols_, x, input.stride(),
                         input.rows(), y + first, y_stride);
    }
  } else {
    const float* panel = nullptr;
    if (dtype_ == DType::kF32) {
      panel = row_of<float>(weights_, first, cols_);
    } else {
      float* converted = input.panels_[static_cast<std::size_t>(worker)].get();
      const std::uint16_t* source = row_of<std::uint16_t>(weights_, first, cols_);
      if (dtype_ == DType::kF16) {
        table.f16_to_f32(source, count * cols_, converted);
      } else {
        table.bf16_to_f32(source, count * cols_, converted);
      }
      panel = converted;
    }
    float_gemm(x, input.stride(), input.rows(), panel, cols_, count, cols_, y + first, y_stride);
  }
  if (!bias_.empty()) {
    for (std::int64_t m = 0; m < input.rows(); ++m) {
      table.add(bias_.data() + first, count, y + m * y_stride + first);
    }
  }
}

void Linear::apply(ThreadPool& pool, LinearInput& input, std::span<const LinearCall> calls) {
  if (input.rows() == 0 || calls.empty()) return;
  const bool few = input.rows() <= kFewRows;
  const std::int64_t panel = few ? kMatvecPanel : kGemmPanel;

  const auto workers = static_cast<std::size_t>(pool.size());
  if (!few) {
    const std::int64_t floats = panel * input.cols();
    if (input.panels_.size() < workers || input.panel_floats_ < floats) {
      input.panel_floats_ = std::max(input.panel_floats_, floats);
      input.panels_.clear();
      for (std::size_t w = 0; w < workers; ++w) {
        input.panels_.emplace_back(new float[static_cast<std::size_t>(input.panel_floats_)]);
      }
    }
  }

  // The panels of all matrices in one row, handed out to whichever worker is free.
  std::int64_t total = 0;
  for (const LinearCall& call : calls) total += (call.linear->rows() + panel - 1) / panel;
  pool.parallel_for(total, 1, [&](int worker, std::int64_t first, std::int64_t last) {
    for (std::int64_t piece = first; piece < last; ++piece) {
      std::int64_t local = piece;
      for (const LinearCall& call : calls) {
        const std::int64_t pieces = (call.linear->rows() + panel - 1) / panel;
        if (local < pieces) {
          const std::int64_t begin = local * panel;
          const std::int64_t end = std::min(begin + panel, call.linear->rows());
          call.linear->compute(input, worker, begin, end, call.y, call.y_stride);
          break;
        }
        local -= pieces;
      }
    }
  });
}

}  // namespace lathe
