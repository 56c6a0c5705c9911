#include "model/linear_input.h"

#include <algorithm>
#include <exception>

#include "base/divide_up.h"
#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "parallel/worth_sharing.h"

namespace lathe {
namespace {

// Grows only: a buffer that was large enough once is large enough.
template <typename T>
void make_room(std::vector<T>* v, std::int64_t size) {
  if (v->size() < static_cast<std::size_t>(size)) v->resize(static_cast<std::size_t>(size));
}

// Forms are told apart by all that says what they are.
auto is_for(const PackedScheme& scheme) noexcept {
  return [span = inputs_per_span(scheme), group = inputs_per_group(scheme),
          planes = input_planes(scheme)](const auto& form) {
    return form.rows.span == span && form.rows.group == group && form.rows.planes == planes;
  };
}

auto is_for(const PackedScheme& scheme, const InputForm& wanted) noexcept {
  return [same = is_for(scheme), sum = wanted.sum](const auto& form) {
    return same(form) && form.order == sum;
  };
}

std::int64_t tile_rows(const FloatKernels& floats, std::int64_t rows) noexcept {
  return rows < floats.from ? 1 : InputTiles::kTileRows;
}

auto is_for(const FloatKernels& floats, std::int64_t rows) noexcept {
  return [words = floats.inputs_per_word, most = tile_rows(floats, rows)](const auto& form) {
    return form.tiles.inputs_per_word == words && form.tiles.tile_rows == most;
  };
}

// The form that is it, or a new one that will be.
template <typename Form, typename IsIt>
Form& form_of(std::vector<Form>* forms, IsIt&& is_it) {
  const auto known = std::find_if(forms->begin(), forms->end(), is_it);
  return known != forms->end() ? *known : forms->emplace_back();
}

// One that was prepared: never another in its place.
template <typename Form, typename IsIt>
const Form& prepared_form(const std::vector<Form>& forms, IsIt&& is_it) noexcept {
  const auto known = std::find_if(forms.begin(), forms.end(), is_it);
  if (known == forms.end() || !known->ready) std::terminate();
  return *known;
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

const QuantizedRows& LinearInput::quantized(const PackedScheme& scheme,
                                            const InputForm& form) const noexcept {
  return prepared_form(quantized_, is_for(scheme, form)).rows;
}

LinearInput::Quantized& LinearInput::form_for(const PackedScheme& scheme, const InputForm& form) {
  const auto known = std::ranges::find_if(quantized_, is_for(scheme, form));
  if (known != quantized_.end()) return *known;
  // Each layer has orders of its own: what the last one's were made in serves again.
  Quantized& made = form_of(&quantized_, [same = is_for(scheme)](const Quantized& q) {
    return same(q) && q.order != 0 && !q.ready;
  });
  made.order = form.sum;
  return made;
}

void LinearInput::prepare_quantized(ThreadPool& pool, const PackedScheme& scheme,
                                    const InputForm& form) {
  Quantized& q = form_for(scheme, form);
  if (q.ready) return;
  const ForwardKernels& table = kernels().forward;
  // Blocks as even as they come: a last one of a token or two would have too few independent
  // sums.
  QuantizedRows& to = q.rows;
  to.planes = input_planes(scheme);
  const std::int64_t block = divide_up(rows_, divide_up(rows_, table.block_tokens / to.planes));
  to.rows = rows_;
  to.block = block;
  to.inputs = round_up(cols_, 32);
  to.span = inputs_per_span(scheme);
  to.group = inputs_per_group(scheme);
  const std::int64_t room = to.blocks() * to.width();
  if (!form.order.empty()) make_room(&q.gathered, rows_ * cols_);
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
      const float* row = x_ + t * stride_;
      if (!form.order.empty()) {
        float* gathered = q.gathered.data() + t * cols_;
        for (std::int64_t k = 0; k < cols_; ++k) {
          gathered[k] = row[form.order[static_cast<std::size_t>(k)]];
        }
        row = gathered;
      }
      table.quantize_row(row, cols_, to, t);
    }
  };
  if (rows_ * cols_ < kFloatsWorthSharing) {
    quantize(0, rows_);
  } else {
    // Whole blocks, whose tokens share lines of the cache.
    const std::int64_t grain = divide_up(kFloatsWorthSharing / 2, cols_ * block) * block;
    pool.parallel_for(rows_, grain, quantize);
  }
  q.ready = true;
}

const InputTiles& LinearInput::tiles(const FloatKernels& floats) const noexcept {
  return prepared_form(tiles_, is_for(floats, rows_)).tiles;
}

void LinearInput::prepare_tiles(ThreadPool& pool, const FloatKernels& floats) {
  Tiles& form = form_of(&tiles_, is_for(floats, rows_));
  if (form.ready) return;
  InputTiles& to = form.tiles;
  to.rows = rows_;
  to.cols = cols_;
  to.tile_rows = tile_rows(floats, rows_);
  to.inputs_per_word = floats.inputs_per_word;
  form.words.ensure(rows_ * to.words_per_row());
  to.words = reinterpret_cast<std::uint32_t*>(form.words.data());
  const std::int64_t grain = divide_up(kFloatsWorthSharing / 2, cols_ * to.tile_rows);
  pool.parallel_for(to.tiles(), grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t < last; ++t) floats.pack(x_, stride_, t, to);
  });
  form.ready = true;
}

void LinearInput::prepare_panels(int workers, std::int64_t floats) {
  const auto count = static_cast<std::size_t>(workers);
  if (panels_.size() < count) panels_.resize(count);
  for (FloatBuffer& panel : panels_) panel.ensure(floats);
}

float* LinearInput::scratch(std::int64_t floats) {
  scratch_.ensure(floats);
  return scratch_.data();
}

}  // namespace lathe
