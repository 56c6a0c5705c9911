// Causal attention of a batch's queries to the KV cache, grouped heads and sliding window.
//
//   queries [rows][heads · head_dim]   keys, values: pages of the cache   out as queries
//
// Work is cut into pieces of (some rows of one sequence) × (one KV head). Within a piece the
// query heads that share the KV head (in an ensemble, those of them that are this process's) are
// stacked as rows, so that each key and value is read once for all of them; pages go by in order
// with an online softmax.
//
// Bits: a query's result depends on its own values and on the keys and values it sees.
// Positions are cut at multiples of kAttentionSpan; each span is summed on its own, page by
// page, and spans are merged in order. How rows are grouped, and how pieces fall to threads,
// changes nothing. Where whole pieces would leave threads idle (few sequences, far into a
// context) the spans of a piece go to different threads, and their sums wait in slots until
// they are merged, in the same order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lathe/model_config.h"

#include "kernels/forward_kernels.h"
#include "model/batch.h"
#include "model/float_buffer.h"
#include "model/kv_cache.h"
#include "model/split.h"
#include "parallel/thread_pool.h"

namespace lathe {

inline constexpr std::int64_t kAttentionSpan = 16 * kKvPageTokens;

class Attention {
 public:
  // context: positions that a sequence may have (longer ones work, perhaps more slowly).
  // `member`: whose heads it attends to; the cache holds their keys and values alone.
  Attention(std::span<const LayerConfig> layers, std::int64_t context, int workers,
            Member member = {});

  // Memory for batches of up to `segments` segments. Throws std::bad_alloc.
  void reserve(std::int64_t segments) { shares_.reserve(static_cast<std::size_t>(segments)); }

  // `sinks`: of each head one more score, which takes part in the softmax and has no value; or
  // null. Allocates nothing.
  void run(ThreadPool& pool, const KvCache& cache, std::int64_t layer,
           std::span<const Segment> segments, const float* queries, float* out,
           const float* sinks = nullptr) noexcept;

 private:
  // What counts of a layer's configuration.
  struct Shape {
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
    std::int64_t window = 0;
    std::int64_t group = 0;       // query heads per KV head
    Range own;                    // of the heads
    Range own_kv;                 // of the KV heads that these read
    std::int64_t block_rows = 0;  // positions per piece
    float scale = 0.0F;           // of the products of queries and keys
    float soft_cap = 0.0F;        // of the scaled products; 0: none
  };
  struct Call {
    const KvCache& cache;
    std::int64_t layer;
    std::span<const Segment> segments;
    const float* queries;
    float* out;
    std::int64_t products;
  };
  // How a segment is cut into units of work: pieces, or pieces × spans.
  struct Share {
    const Segment* segment;
    std::int64_t first_unit;
    std::int64_t first_float;      // of its slots
    std::int64_t slot_floats = 0;  // of each: the state of a piece's queries
    std::int64_t spans = 0;        // 0: whole pieces
  };
  struct Piece;
  struct State;
  struct Scratch;

  static Shape shape_of(const AttentionConfig& config, Member member);

  std::int64_t blocks_of(const Segment& segment) const noexcept;
  std::int64_t products_of(const Segment& segment) const noexcept;
  Piece piece_at(const Call& call, const Segment& segment, std::int64_t block,
                 std::int64_t kv_head) const noexcept;
  void share_out(const Call& call) noexcept;
  State slot(const Share& share, std::int64_t index) noexcept;

  void gather_queries(const Piece& piece, const Scratch& s) const noexcept;
  void attend_span(const Piece& piece, std::int64_t span, const Scratch& s,
                   const State& state) const noexcept;
  void merge(const State& span, std::int64_t queries, const State& total) const noexcept;
  void finish(const Piece& piece, const State& total) const noexcept;
  void attend_piece(const Piece& piece, const Scratch& s) const noexcept;
  void attend_unit(const Call& call, std::int64_t unit, const Scratch& scratch) noexcept;
  void merge_slots(const Call& call, const Share& share, std::int64_t kv_head,
                   const State& total) noexcept;

  std::vector<Shape> layers_;
  Shape shape_;  // of the layer at hand
  const float* sinks_ = nullptr;
  int workers_;
  std::int64_t scratch_floats_ = 0;
  FloatBuffer scratch_;  // [workers][scratch_floats_]
  std::int64_t slot_floats_ = 0;
  FloatBuffer slot_memory_;
  std::vector<Share> shares_;
  std::int64_t units_ = 0;
};

}  // namespace lathe
