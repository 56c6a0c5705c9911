// The forward pass of one batch: tokens and positions in, logits out.
//
// Reads top to bottom in forward.cc. In an ensemble (lathe/ensemble.h) every process runs it, each
// product and the attention for what is its own; what others read whole is gathered.
// Scratch memory is kept from batch to batch: reserve()
// allocates for the largest batch to come, run() allocates nothing. Belongs to one session.
#pragma once

#include <cstdint>
#include <memory>

#include "lathe/activations.h"

#include "model/attention.h"
#include "model/batch.h"
#include "model/float_buffer.h"
#include "model/kv_cache.h"
#include "model/loaded_model.h"
#include "model/mixture.h"
#include "model/row_gather.h"
#include "parallel/thread_pool.h"

namespace lathe {

class Forward {
 public:
  Forward(const LoadedModel& model, KvCache& cache, ThreadPool& pool, ActivationObserver observer);

  // Memory for batches of up to `rows` rows. Throws std::bad_alloc.
  void reserve(std::int64_t rows);

  // Computes batch.wanted_rows() rows of vocab_size logits, in an ensemble for process 0. The cache
  // already holds the positions of the batch (KvCache::extend); their keys and values are written
  // here.
  void run(const Batch& batch, float* logits);
  // The same without logits: the hidden states of these rows behind `layer` layers, hidden_size
  // floats each; behind the last one normed. In stages `out` is written by the process that has
  // them; bring_to_first() brings those of several batches to process 0.
  void run_to_hidden(const Batch& batch, std::int64_t layer, float* out);
  // One layer alone: hidden states [rows][hidden_size] of all rows of the batch, in and out.
  // `normed`, where not null, gets what the layer after it, or the output matrix, reads.
  void run_layer(const Batch& batch, std::int64_t layer, float* hidden, float* normed);
  // Whether this process has some layers whole, and others the rest.
  bool in_stages() const noexcept { return !model_.stages().empty(); }
  void bring_to_first(std::int64_t layer, float* rows, std::int64_t count) const noexcept;
  // What the first layer reads: embeddings.
  void embed(const Batch& batch, float* hidden);
  // Logits of so many rows [rows][hidden_size] that are normed already.
  void head(const float* normed, std::int64_t rows, float* logits);

 private:
  // All layers; the rows that are left are in normed_, their number is returned. What is in
  // hidden_ behind `tapped` layers, but not behind the last, goes to `out` (-1: nothing).
  std::int64_t run_layers(const Batch& batch, std::int64_t tapped, float* out);
  // hidden_ and the angles of what this process computes first: from its embedding, or from the
  // process before.
  void begin(const Batch& batch);
  // hidden_ to the process behind, where there is one.
  void pass_on(std::int64_t rows) noexcept;
  // Copies the wanted rows out of all that are in hidden_.
  void copy_wanted(const Batch& batch, float* out) const;
  void embed(const Batch& batch);
  // The angles of a row.
  void turn(const Batch& batch, std::int64_t row);
  // normed_ -> hidden_ and normed_, whose norm is that of what follows. Returns how many rows are
  // left: in the last layer the wanted ones.
  std::int64_t compute_layer(const Batch& batch, std::int64_t layer);
  // Makes x (rows × cols, tight) the input of the products to come, and shows it.
  void set_input(ActivationPoint point, std::int64_t layer, const float* x, std::int64_t rows,
                 std::int64_t cols) noexcept;
  void mix_tokens(std::int64_t layer, const Batch& batch);
  void attention_block(std::int64_t layer, const Batch& batch);
  void mlp_block(std::int64_t layer, std::int64_t rows);
  void rotate_and_store(std::int64_t layer, const Batch& batch);
  void store_row(std::int64_t layer, SequenceId sequence, std::int64_t position, const float* key,
                 const float* value) noexcept;
  // hidden += post(update) · residual scale, then normed = norm(hidden): RMS norms by these
  // weights, none where they are empty. `update`, which is written to, may be null: nothing to
  // add.
  void add_and_norm(float* update, const std::vector<float>& post, const std::vector<float>& norm,
                    std::int64_t rows);
  void scale_logits(float* logits, std::int64_t rows) noexcept;
  // From here on only the wanted rows: moves their hidden states (and queries) to the front.
  void keep_wanted(const Batch& batch, std::int64_t query_rows);
  // Which of so many columns, computed by a matrix, each process has.
  Split split(std::int64_t columns) const noexcept { return {columns, model_.grain()}; }

  const LoadedModel& model_;
  const ModelConfig& config_;
  KvCache& cache_;
  ThreadPool& pool_;
  RowGather gather_;
  Attention attention_;
  Mixture mixture_;
  LinearInput input_;
  ActivationObserver observer_;

  // The widest layer's.
  std::int64_t query_rows_ = 0;  // heads · head_dim
  std::int64_t kv_rows_ = 0;     // kv_heads · head_dim
  std::int64_t mlp_width_ = 0;
  FloatBuffer hidden_;    // [rows][hidden]
  FloatBuffer normed_;    // [rows][hidden]
  FloatBuffer update_;    // [rows][hidden]
  FloatBuffer queries_;   // [rows][query_rows]
  FloatBuffer keys_;      // [rows][kv_rows]
  FloatBuffer values_;    // [rows][kv_rows]
  FloatBuffer attended_;  // [rows][query_rows]
  FloatBuffer gate_;      // [rows][mlp_width]
  FloatBuffer up_;        // [rows][mlp_width]
  // Of each of the model's kinds of rotation, [kinds][rows][half].
  std::vector<FloatBuffer> cosines_;
  std::vector<FloatBuffer> sines_;
  // The wanted rows, standing one after another from row 0.
  std::vector<Segment> kept_;
};

}  // namespace lathe
