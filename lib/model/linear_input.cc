#include "model/linear_input.h"

#include <algorithm>

#include "kernels/kernel_table.h"

namespace lathe {
namespace {

// Below this many values a fork and join costs more than it saves.
constexpr std::int64_t kWorthAFork = 1 << 15;

std::int64_t divide_up(std::int64_t a, std::int64_t b) noexcept { return (a + b - 1) / b; }

// Grows only: a buffer that was large enough once is large enough.
template <typename T>
void make_room(std::vector<T>* v, std::int64_t size) {
  if (v->size() < static_cast<std::size_t>(size)) v->resize(static_cast<std::size_t>(size));
}

}  // namespace

void LinearInput::set(const float* x, std::int64_t rows, std::int64_t cols,
                      std::int64_t stride) noexcept {
  x_ = x;
  rows_ = rows;
  cols_ = cols;
  stride_ = stride;
  for (Quantized& q : quantized_) q.ready = false;
}

std::size_t LinearInput::slot_of(std::int64_t group) noexcept {
  return group == 16 ? 0 : group == 32 ? 1 : group == 64 ? 2 : 3;
}

const QuantizedRows& LinearInput::quantized(std::int64_t group) const noexcept {
  return quantized_[slot_of(group)].rows;
}

void LinearInput::prepare_quantized(ThreadPool& pool, std::int64_t group) {
  Quantized& q = quantized_[slot_of(group)];
  if (q.ready) return;
  const std::int64_t padded = divide_up(cols_, 32) * 32;
  const std::int64_t groups = divide_up(padded, group);
  // Rows a power of two apart would compete for the same few lines of a cache.
  const std::int64_t stride = padded + 64;
  make_room(&q.q, rows_ * stride);
  make_room(&q.scale, rows_ * groups);
  make_room(&q.scaled_sum, rows_ * groups);
  make_room(&q.minus_eight_sums, rows_ * groups);
  q.rows = {rows_,
            group,
            q.q.data(),
            stride,
            q.scale.data(),
            q.minus_eight_sums.data(),
            q.scaled_sum.data(),
            groups};
  const KernelTable& table = kernels();
  const auto quantize = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t m = first; m < last; ++m) {
      table.quantize_row(x_ + m * stride_, cols_, group, q.q.data() + m * stride,
                         q.scale.data() + m * groups, q.minus_eight_sums.data() + m * groups,
                         q.scaled_sum.data() + m * groups);
    }
  };
  if (rows_ * cols_ < kWorthAFork) {
    quantize(0, rows_);
  } else {
    pool.parallel_for(rows_, std::max<std::int64_t>(1, kWorthAFork / 2 / cols_), quantize);
  }
  q.ready = true;
}

void LinearInput::prepare_panels(int workers, std::int64_t floats) {
  const auto count = static_cast<std::size_t>(workers);
  if (panels_.size() >= count && panel_floats_ >= floats) return;
  panel_floats_ = std::max(panel_floats_, floats);
  panels_.clear();
  for (std::size_t w = 0; w < count; ++w) {
    panels_.emplace_back(new float[static_cast<std::size_t>(panel_floats_)]);
  }
}

LinearInput& LinearInput::narrow() {
  if (!narrow_) narrow_ = std::make_unique<LinearInput>();
  return *narrow_;
}

float* LinearInput::scratch(int which, std::int64_t floats) {
  std::vector<float>& memory = scratch_[which];
  if (memory.size() < static_cast<std::size_t>(floats)) {
    memory.resize(static_cast<std::size_t>(floats));
  }
  return memory.data();
}

}  // namespace lathe
