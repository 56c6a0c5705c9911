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
  for (Tiles& t : tiles_) t.ready = false;
}

std::size_t LinearInput::slot_of(const PackedScheme& scheme) noexcept {
  const std::int64_t group = inputs_per_group(scheme);
  const std::size_t slot = group == 16 ? 0 : group == 32 ? 1 : group == 64 ? 2 : 3;
  return inputs_per_span(scheme) == kWideSpan ? slot : slot + 4;
}

const QuantizedRows& LinearInput::quantized(const PackedScheme& scheme) const noexcept {
  return quantized_[slot_of(scheme)].rows;
}

void LinearInput::prepare_quantized(ThreadPool& pool, const PackedScheme& scheme) {
  Quantized& q = quantized_[slot_of(scheme)];
  if (q.ready) return;
  const KernelTable& table = kernels();
  // Blocks as even as they come: a last one of a token or two would have too few independent
  // sums.
  const std::int64_t block = divide_up(rows_, divide_up(rows_, table.block_tokens));
  QuantizedRows& to = q.rows;
  to.rows = rows_;
  to.block = block;
  to.inputs = divide_up(cols_, 32) * 32;
  to.span = inputs_per_span(scheme);
  to.group = inputs_per_group(scheme);
  const std::int64_t room = to.blocks() * block;
  make_room(&q.q, room * to.inputs);
  make_room(&q.scale, room * to.spans());
  make_room(&q.sum, room * to.groups());
  make_room(&q.minus_eight_sum, room * to.groups());
  to.q = q.q.data();
  to.scale = q.scale.data();
  to.sum = q.sum.data();
  to.minus_eight_sum = q.minus_eight_sum.data();
  const auto quantize = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t < last; ++t) {
      table.quantize_row(x_ + t * stride_, cols_, to, t);
    }
  };
  if (rows_ * cols_ < kWorthAFork) {
    quantize(0, rows_);
  } else {
    // Whole blocks, whose tokens share lines of the cache.
    const std::int64_t grain = divide_up(kWorthAFork / 2, cols_ * block) * block;
    pool.parallel_for(rows_, grain, quantize);
  }
  q.ready = true;
}

void LinearInput::prepare_tiles(ThreadPool& pool, const FloatGemm& gemm) {
  Tiles& slot = tiles_[gemm.inputs_per_word - 1];
  if (slot.ready) return;
  InputTiles& to = slot.tiles;
  to.rows = rows_;
  to.cols = cols_;
  to.tile_rows = rows_ < gemm.from ? 1 : InputTiles::kTileRows;
  to.inputs_per_word = gemm.inputs_per_word;
  slot.words.ensure(rows_ * to.words_per_row());
  to.words = reinterpret_cast<std::uint32_t*>(slot.words.data());
  const std::int64_t grain = divide_up(kWorthAFork / 2, cols_ * to.tile_rows);
  pool.parallel_for(to.tiles(), grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t < last; ++t) gemm.pack(x_, stride_, t, to);
  });
  slot.ready = true;
}

void LinearInput::prepare_panels(int workers, std::int64_t floats) {
  const auto count = static_cast<std::size_t>(workers);
  if (panels_.size() < count) panels_.resize(count);
  for (FloatBuffer& panel : panels_) panel.ensure(floats);
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
