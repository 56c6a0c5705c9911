#include "model/forward.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/portable_math.h"
#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "model/activate.h"
#include "model/for_rows.h"
#include "model/kv_page.h"

namespace lathe {
namespace {

void multiply(float* x, std::int64_t n, float by) noexcept {
  for (std::int64_t i = 0; i < n; ++i) x[i] *= by;
}

// What queries at this position are multiplied by (AttentionConfig::temperature).
float temperature_at(std::int64_t position, const AttentionConfig& a) noexcept {
  const auto spans = static_cast<double>(position / a.temperature_span + 1);
  return static_cast<float>(1.0 + a.temperature * portable_log(spans));
}

}  // namespace

Forward::Forward(const LoadedModel& model, KvCache& cache, ThreadPool& pool,
                 ActivationObserver observer)
    : model_(model),
      config_(model.config()),
      cache_(cache),
      pool_(pool),
      gather_(model.stages().empty() ? model.ensemble() : nullptr, pool),
      attention_(config_.layers, std::min(config_.max_position, cache.max_tokens()), pool.size(),
                 model.share().rows),
      mixture_(config_, pool, gather_, model.grain()),
      observer_(std::move(observer)),
      cosines_(model.ropes().size()),
      sines_(model.ropes().size()) {
  for (const LayerConfig& layer : config_.layers) {
    query_rows_ = std::max(query_rows_, layer.attention.query_rows());
    kv_rows_ = std::max(kv_rows_, layer.attention.kv_rows());
    if (layer.experts.count == 0) mlp_width_ = std::max(mlp_width_, layer.mlp.width);
  }
}

void Forward::reserve(std::int64_t rows) {
  hidden_.ensure(rows * config_.hidden_size);
  normed_.ensure(rows * config_.hidden_size);
  update_.ensure(rows * config_.hidden_size);
  queries_.ensure(rows * query_rows_);
  keys_.ensure(rows * kv_rows_);
  values_.ensure(rows * kv_rows_);
  attended_.ensure(rows * query_rows_);
  gate_.ensure(rows * mlp_width_);
  up_.ensure(rows * mlp_width_);
  for (std::size_t i = 0; i < model_.ropes().size(); ++i) {
    cosines_[i].ensure(rows * model_.ropes()[i].half());
    sines_[i].ensure(rows * model_.ropes()[i].half());
  }
  mixture_.reserve(rows);
  attention_.reserve(rows);
  kept_.reserve(static_cast<std::size_t>(rows));
}

void Forward::run(const Batch& batch, float* logits) {
  const std::int64_t rows = run_layers(batch, -1, nullptr);
  if (rows > 0) head(normed_.data(), rows, logits);
}

void Forward::head(const float* normed, std::int64_t rows, float* logits) {
  set_input(ActivationPoint::kHead, config_.num_layers(), normed, rows, config_.hidden_size);
  const std::array<LinearCall, 1> head = {
      {{&model_.weights().output(), logits, config_.vocab_size}}};
  Linear::apply(pool_, input_, head);
  gather_.to_first(logits, rows, config_.vocab_size, split(config_.vocab_size));
  if (gather_.member().rank == 0) scale_logits(logits, rows);
}

void Forward::run_to_hidden(const Batch& batch, std::int64_t layer, float* out) {
  const std::int64_t rows = run_layers(batch, layer, out);
  if (layer < config_.num_layers()) return;
  std::copy_n(normed_.data(), rows * config_.hidden_size, out);
}

std::int64_t Forward::run_layers(const Batch& batch, std::int64_t tapped, float* out) {
  const std::int64_t layers = config_.num_layers();
  const Range own = {model_.share().layers.first, std::min(layers, model_.share().layers.last)};
  std::int64_t rows = batch.rows();

  begin(batch);  // hidden [rows][hidden], cosines, sines
  if (tapped == 0 && own.first == 0) copy_wanted(batch, out);
  add_and_norm(nullptr, {},
               model_.weights().layers[static_cast<std::size_t>(own.first)].attention_norm, rows);
  for (std::int64_t layer = own.first; layer < own.last; ++layer) {
    rows = compute_layer(batch, layer);
    if (rows == 0) return 0;
    if (layer + 1 == tapped && layer + 1 < layers) copy_wanted(batch, out);
  }
  if (own.last == layers) return rows;
  pass_on(rows);
  return 0;
}

void Forward::begin(const Batch& batch) {
  if (model_.share().layers.first == 0) return embed(batch);
  const std::int64_t floats = batch.rows() * config_.hidden_size;
  const int rank = model_.ensemble()->rank();
  EnsembleCalls(*model_.ensemble())
      .pass(std::as_writable_bytes(std::span(hidden_.data(), static_cast<std::size_t>(floats))),
            rank - 1, rank);
  for_rows(pool_, batch.rows(), config_.hidden_size, [&](std::int64_t row) { turn(batch, row); });
}

void Forward::pass_on(std::int64_t rows) noexcept {
  const auto floats = static_cast<std::size_t>(rows * config_.hidden_size);
  const int rank = model_.ensemble()->rank();
  EnsembleCalls(*model_.ensemble())
      .pass(std::as_writable_bytes(std::span(hidden_.data(), floats)), rank, rank + 1);
}

void Forward::bring_to_first(std::int64_t layer, float* rows, std::int64_t count) const noexcept {
  const std::vector<Range>& stages = model_.stages();
  int from = 0;
  while (layer > stages[static_cast<std::size_t>(from)].last) ++from;
  const int rank = model_.ensemble()->rank();
  if (from == 0 || (rank != 0 && rank != from)) return;
  const auto floats = static_cast<std::size_t>(count * config_.hidden_size);
  EnsembleCalls(*model_.ensemble()).pass(std::as_writable_bytes(std::span(rows, floats)), from, 0);
}

std::int64_t Forward::compute_layer(const Batch& batch, std::int64_t layer) {
  const Weights& weights = model_.weights();
  const LayerWeights& w = weights.layers[static_cast<std::size_t>(layer)];
  const bool last = layer == config_.num_layers() - 1;
  mix_tokens(layer, batch);  // normed -> update [rows][hidden]
  // In the last layer, rows without wanted logits end with their keys and values.
  const std::int64_t rows = last ? batch.wanted_rows() : batch.rows();
  if (rows == 0) return 0;
  add_and_norm(update_.data(), w.attention_post_norm, w.mlp_norm, rows);
  mlp_block(layer, rows);  // normed -> update [rows][hidden]
  add_and_norm(update_.data(), w.mlp_post_norm,
               last ? weights.final_norm
                    : weights.layers[static_cast<std::size_t>(layer) + 1].attention_norm,
               rows);
  return rows;
}

void Forward::run_layer(const Batch& batch, std::int64_t layer, float* hidden, float* normed) {
  const std::int64_t rows = batch.rows();
  const std::int64_t floats = rows * config_.hidden_size;
  std::copy_n(hidden, floats, hidden_.data());
  for_rows(pool_, rows, config_.hidden_size, [&](std::int64_t row) { turn(batch, row); });
  add_and_norm(nullptr, {}, model_.weights().layers[static_cast<std::size_t>(layer)].attention_norm,
               rows);
  compute_layer(batch, layer);
  std::copy_n(hidden_.data(), floats, hidden);
  if (normed != nullptr) std::copy_n(normed_.data(), floats, normed);
}

void Forward::embed(const Batch& batch, float* hidden) {
  embed(batch);
  std::copy_n(hidden_.data(), batch.rows() * config_.hidden_size, hidden);
}

void Forward::copy_wanted(const Batch& batch, float* out) const {
  for (const Segment& s : batch.wanted) {
    const std::int64_t floats = s.rows * config_.hidden_size;
    std::copy_n(hidden_.data() + s.first_row * config_.hidden_size, floats, out);
    out += floats;
  }
}

void Forward::scale_logits(float* logits, std::int64_t rows) noexcept {
  const auto scale = static_cast<float>(config_.logit_scale);
  const auto cap = static_cast<float>(config_.logit_soft_cap);
  if (scale == 1.0F && cap == 0.0F) return;
  const std::int64_t vocab = config_.vocab_size;
  for_rows(pool_, rows, vocab, [&](std::int64_t row) {
    float* x = logits + row * vocab;
    if (scale != 1.0F) multiply(x, vocab, scale);
    if (cap != 0.0F) kernels().forward.soft_cap(x, vocab, cap);
  });
}

void Forward::set_input(ActivationPoint point, std::int64_t layer, const float* x,
                        std::int64_t rows, std::int64_t cols) noexcept {
  input_.set(x, rows, cols, cols);
  if (observer_) observer_({point, layer, x, rows, cols});
}

void Forward::embed(const Batch& batch) {
  const std::int64_t hidden = config_.hidden_size;
  const Linear& embedding = *model_.weights().embedding;
  if (!gather_.alone()) {
    gather_.rows_of(batch.tokens, hidden, split(config_.vocab_size), hidden_.data(),
                    [&](std::int64_t token, float* out) { embedding.row_f32(token, out); });
  }
  for_rows(pool_, batch.rows(), hidden, [&](std::int64_t row) {
    const auto index = static_cast<std::size_t>(row);
    float* x = hidden_.data() + row * hidden;
    if (gather_.alone()) embedding.row_f32(batch.tokens[index], x);
    if (config_.embedding_scale != 1.0) {
      multiply(x, hidden, static_cast<float>(config_.embedding_scale));
    }
    turn(batch, row);
  });
}

void Forward::turn(const Batch& batch, std::int64_t row) {
  for (std::size_t i = 0; i < model_.ropes().size(); ++i) {
    const Rope& rope = model_.ropes()[i];
    rope.angles(batch.positions[static_cast<std::size_t>(row)],
                cosines_[i].data() + row * rope.half(), sines_[i].data() + row * rope.half());
  }
}

void Forward::mix_tokens(std::int64_t layer, const Batch& batch) {
  switch (config_.layer(layer).mixer) {
    case Mixer::kAttention:
      attention_block(layer, batch);
  }
}

// normed [rows][hidden] -> update [rows][hidden]; in the last layer [wanted rows][hidden].
void Forward::attention_block(std::int64_t layer, const Batch& batch) {
  const LayerWeights& w = model_.weights().layers[static_cast<std::size_t>(layer)];
  const std::int64_t query_rows = config_.layer(layer).attention.query_rows();
  const std::int64_t kv_rows = config_.layer(layer).attention.kv_rows();
  set_input(ActivationPoint::kAttentionInput, layer, normed_.data(), batch.rows(),
            config_.hidden_size);
  const std::array<LinearCall, 3> qkv = {{{w.q.get(), queries_.data(), query_rows},
                                          {w.k.get(), keys_.data(), kv_rows},
                                          {w.v.get(), values_.data(), kv_rows}}};
  Linear::apply(pool_, input_, qkv);
  const AttentionConfig& a = config_.layer(layer).attention;
  if (a.qk_norm == QkNorm::kWhole) {
    const std::int64_t group = a.heads / a.kv_heads;
    gather_.to_all(queries_.data(), batch.rows(), query_rows, {query_rows, a.head_dim});
    gather_.to_all(keys_.data(), batch.rows(), kv_rows, {kv_rows, a.head_dim, group});
  }
  rotate_and_store(layer, batch);

  std::span<const Segment> segments = batch.segments;
  std::int64_t rows = batch.rows();
  if (layer == config_.num_layers() - 1) {
    keep_wanted(batch, query_rows);
    segments = kept_;
    rows = batch.wanted_rows();
  }
  attention_.run(pool_, cache_, layer, segments, queries_.data(), attended_.data(),
                 w.sinks.empty() ? nullptr : w.sinks.data());  // -> attended [rows][query_rows]
  gather_.to_all(attended_.data(), rows, query_rows, {query_rows, a.head_dim});
  set_input(ActivationPoint::kAttentionOutput, layer, attended_.data(), rows, query_rows);
  const std::array<LinearCall, 1> o = {{{w.o.get(), update_.data(), config_.hidden_size}}};
  Linear::apply(pool_, input_, o);
  gather_.to_all(update_.data(), rows, config_.hidden_size, split(config_.hidden_size));
}

// Norms and turns this process's heads of queries [rows][heads][head_dim] and keys
// [rows][kv_heads][head_dim] in place, and puts keys and values where the cache wants them.
void Forward::rotate_and_store(std::int64_t layer, const Batch& batch) {
  const LayerWeights& w = model_.weights().layers[static_cast<std::size_t>(layer)];
  const ForwardKernels& table = kernels().forward;
  const AttentionConfig& a = config_.layer(layer).attention;
  const std::int64_t query_rows = a.query_rows();
  const std::int64_t kv_rows = a.kv_rows();
  const std::int64_t dim = a.head_dim;
  const std::size_t rope = model_.rope_of(layer);
  const std::int64_t half = model_.ropes()[rope].half();
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const Range own = heads_split(a).of(gather_.member());
  const Range own_kv = kv_heads_split(a).of(gather_.member());
  // Sixteen keys share their cache lines: a thread takes as many rows together.
  for_rows(
      pool_, batch.rows(), query_rows + 2 * kv_rows,
      [&](std::int64_t row) {
        const float* cosines = cosines_[rope].data() + row * half;
        const float* sines = sines_[rope].data() + row * half;
        const auto turn = [&](float* heads, std::int64_t count, Range of,
                              const std::vector<float>& norm) {
          if (a.qk_norm == QkNorm::kWhole) {
            table.rms_norm(heads, norm.data(), eps, count * dim, heads);
          }
          const bool each = a.qk_norm == QkNorm::kPerHead;
          for (std::int64_t h = of.first; h < of.last; ++h) {
            float* head = heads + h * dim;
            if (each && !a.norm_turned) table.rms_norm(head, norm.data(), eps, dim, head);
            table.rope(cosines, sines, half, head);
            if (each && a.norm_turned) table.rms_norm(head, norm.data(), eps, dim, head);
          }
        };
        float* key = keys_.data() + row * kv_rows;
        float* query = queries_.data() + row * query_rows;
        const auto index = static_cast<std::size_t>(row);
        turn(query, a.heads, own, w.q_norm);
        turn(key, a.kv_heads, own_kv, w.k_norm);
        if (a.temperature != 0.0) {
          multiply(query + own.first * dim, own.size() * dim,
                   temperature_at(batch.positions[index], a));
        }
        store_row(layer, batch.sequences[index], batch.positions[index], key,
                  values_.data() + row * kv_rows);
      },
      kKvPageTokens / 4);
}

// key, value: [kv_heads][head_dim]
void Forward::store_row(std::int64_t layer, SequenceId sequence, std::int64_t position,
                        const float* key, const float* value) noexcept {
  const AttentionConfig& a = config_.layer(layer).attention;
  const std::int64_t dim = a.head_dim;
  const std::int64_t page = position / kKvPageTokens;
  const std::int64_t at = position % kKvPageTokens;
  const KvType type = cache_.shape().type;
  const Range own = kv_heads_split(a).of(gather_.member());
  for (std::int64_t h = own.first; h < own.last; ++h) {
    const std::int64_t here = h - own.first;
    store_key(type, dim, at, key + h * dim, cache_.keys(sequence, page, layer, here));
    store_value(type, dim, at, value + h * dim, cache_.values(sequence, page, layer, here));
  }
}

void Forward::keep_wanted(const Batch& batch, std::int64_t query_rows) {
  kept_.clear();
  std::int64_t next = 0;
  for (Segment s : batch.wanted) {
    // Rows move towards the front, in order, so none is overwritten before it has moved.
    if (next != s.first_row) {
      const auto move = [&](float* rows, std::int64_t floats) {
        std::memmove(rows + next * floats, rows + s.first_row * floats,
                     static_cast<std::size_t>(s.rows * floats) * sizeof(float));
      };
      move(hidden_.data(), config_.hidden_size);
      move(queries_.data(), query_rows);
    }
    s.first_row = next;
    next += s.rows;
    kept_.push_back(s);
  }
}

// normed [rows][hidden] -> update [rows][hidden]
void Forward::mlp_block(std::int64_t layer, std::int64_t rows) {
  const LayerWeights& w = model_.weights().layers[static_cast<std::size_t>(layer)];
  const MlpConfig& mlp = config_.layer(layer).mlp;
  const std::int64_t size = mlp.width;
  if (config_.layer(layer).experts.count > 0) {
    mixture_.run(w.mixture, config_.layer(layer), layer, normed_.data(), rows, update_.data(),
                 observer_);
    return;
  }
  set_input(ActivationPoint::kMlpInput, layer, normed_.data(), rows, config_.hidden_size);
  if (mlp.gated) {
    const std::array<LinearCall, 2> gate_up = {
        {{w.mlp.gate.get(), gate_.data(), size}, {w.mlp.up.get(), up_.data(), size}}};
    Linear::apply(pool_, input_, gate_up);
  } else {
    const std::array<LinearCall, 1> up = {{{w.mlp.up.get(), gate_.data(), size}}};
    Linear::apply(pool_, input_, up);
  }
  const Split by_width = split(size);
  activate_rows(pool_, mlp, size, by_width.of(gather_.member()), rows, gate_.data(), up_.data());
  gather_.to_all(gate_.data(), rows, size, by_width);  // gate [rows][size]

  set_input(ActivationPoint::kMlpHidden, layer, gate_.data(), rows, size);
  const std::array<LinearCall, 1> down = {
      {{w.mlp.down.get(), update_.data(), config_.hidden_size}}};
  Linear::apply(pool_, input_, down);
  gather_.to_all(update_.data(), rows, config_.hidden_size, split(config_.hidden_size));
}

void Forward::add_and_norm(float* update, const std::vector<float>& post,
                           const std::vector<float>& norm, std::int64_t rows) {
  const ForwardKernels& table = kernels().forward;
  const std::int64_t n = config_.hidden_size;
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const auto scale = static_cast<float>(config_.residual_scale);
  for_rows(pool_, rows, n, [&](std::int64_t row) {
    float* hidden = hidden_.data() + row * n;
    float* normed = normed_.data() + row * n;
    if (update != nullptr) {
      float* added = update + row * n;
      if (!post.empty()) table.rms_norm(added, post.data(), eps, n, added);
      if (scale != 1.0F) multiply(added, n, scale);
      table.add(added, n, hidden);
    }
    if (norm.empty()) {
      std::copy_n(hidden, n, normed);
    } else {
      table.rms_norm(hidden, norm.data(), eps, n, normed);
    }
  });
}

}  // namespace lathe
