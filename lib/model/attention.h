// Causal attention of a batch's queries to the KV cache, grouped heads and sliding window.
//
//   queries [rows][heads · head_dim]   keys, values: pages of the cache   out as queries
//
// Work is cut into pieces of (some rows of one sequence) × (one KV head). Within a piece the
// query heads that share the KV head are stacked as rows, so that each key and value is read
// once for all of them; pages go by in order with an online softmax.
//
// Bits: a query's result depends on its own values and on the keys and values it sees.
// Positions are cut at multiples of kAttentionSpan; each span is summed on its own, page by
// page, and spans are merged in order. How rows are grouped, and how pieces fall to threads,
// changes nothing. (The spans are there so that a long context can one day be shared between
// threads without changing the result.)
#pragma once

#include <cstdint>
#include <span>

#include "kernels/kernel_table.h"
#include "model/batch.h"
#include "model/float_buffer.h"
#include "model/kv_cache.h"
#include "parallel/thread_pool.h"

namespace lathe {

inline constexpr std::int64_t kAttentionSpan = 16 * kKvPageTokens;

class Attention {
 public:
  Attention(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim, int workers);

  // window: positions that a query sees, itself included; 0: all. May not throw: scratch was
  // allocated by the constructor.
  void run(ThreadPool& pool, const KvCache& cache, std::int64_t layer, std::int64_t window,
           std::span<const Segment> segments, const float* queries, float* out) noexcept;

 private:
  struct Piece;
  struct Scratch;

  void attend_piece(const Piece& piece, float* scratch) const noexcept;

  std::int64_t heads_;
  std::int64_t kv_heads_;
  std::int64_t head_dim_;
  std::int64_t group_;       // query heads per KV head
  std::int64_t block_rows_;  // positions per piece
  std::int64_t scratch_floats_;
  FloatBuffer scratch_;  // [workers][scratch_floats_]
};

}  // namespace lathe
