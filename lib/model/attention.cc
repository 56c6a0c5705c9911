#include "model/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace lathe {
namespace {

// Multiplications that take no longer than waking another thread to share them.
constexpr std::int64_t kWorthSharing = 1 << 16;

// Query rows stacked per piece: enough to make reading a page worth while, few enough that
// queries and sums (head_dim 128: 16 KB each) stay in the first-level cache with the page.
constexpr std::int64_t kStackedQueries = 32;

constexpr float kNothing = -std::numeric_limits<float>::infinity();

KernelTable::Attend attend_function(KvType type) {
  const KernelTable& table = kernels();
  return type == KvType::kF32   ? table.attend_f32
         : type == KvType::kF16 ? table.attend_f16
                                : table.attend_int8;
}

// e^(x - max) with the kernels' exponential.
float exp_minus(float x, float max) { return kernels().sum_exp(&x, 1, max); }

// Adds the online-softmax state of one span (m, l, o) to that of the spans before it.
void merge_state(float m, float l, const float* o, std::int64_t head_dim, float& total_m,
                 float& total_l, float* total_o) {
  if (m == kNothing) return;
  if (total_m == kNothing) {
    total_m = m;
    total_l = l;
    std::copy(o, o + head_dim, total_o);
    return;
  }
  const float max = std::max(m, total_m);
  const float old_scale = exp_minus(total_m, max);
  const float new_scale = exp_minus(m, max);
  total_m = max;
  total_l = total_l * old_scale + l * new_scale;
  for (std::int64_t i = 0; i < head_dim; ++i) {
    total_o[i] = total_o[i] * old_scale + o[i] * new_scale;
  }
}

}  // namespace

struct Attention::Piece {
  const KvCache* cache;
  std::int64_t layer;
  std::int64_t window;
  std::int64_t kv_head;
  SequenceId sequence;
  std::int64_t first_position;
  std::int64_t rows;
  const float* queries;  // of the first row
  float* out;
};

// One worker's memory, in floats: the stacked queries, the sums of the present span and of
// all spans so far, and the ranges of keys that each query sees in a page.
struct Attention::Scratch {
  Scratch(float* p, std::int64_t queries, std::int64_t head_dim) {
    const auto take = [&p](std::int64_t n) {
      float* out = p;
      p += padded(n);
      return out;
    };
    q = take(queries * head_dim);
    o = take(queries * head_dim);
    total_o = take(queries * head_dim);
    m = take(queries);
    l = take(queries);
    total_m = take(queries);
    total_l = take(queries);
    first = reinterpret_cast<std::int32_t*>(take(queries));
    last = reinterpret_cast<std::int32_t*>(take(queries));
  }

  static std::int64_t padded(std::int64_t n) { return (n + 15) / 16 * 16; }
  static std::int64_t floats(std::int64_t queries, std::int64_t head_dim) {
    return 3 * padded(queries * head_dim) + 6 * padded(queries);
  }

  float *q, *o, *total_o, *m, *l, *total_m, *total_l;
  std::int32_t *first, *last;
};

Attention::Attention(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim, int workers)
    : heads_(heads),
      kv_heads_(kv_heads),
      head_dim_(head_dim),
      group_(heads / kv_heads),
      block_rows_(std::max<std::int64_t>(1, kStackedQueries / (heads / kv_heads))) {
  scratch_floats_ = Scratch::floats(group_ * block_rows_, head_dim_);
  scratch_.ensure(scratch_floats_ * workers);
}

void Attention::attend_piece(const Piece& piece, float* scratch) const noexcept {
  const std::int64_t queries = piece.rows * group_;
  const Scratch s(scratch, group_ * block_rows_, head_dim_);
  const KernelTable::Attend attend = attend_function(piece.cache->shape().type);
  const std::int64_t row_stride = heads_ * head_dim_;
  const std::int64_t head_offset = piece.kv_head * group_ * head_dim_;
  const float scale = 1.0F / std::sqrt(static_cast<float>(head_dim_));

  // s.q [rows · group][head_dim]: query row r · group + g is head kv_head · group + g of row r.
  for (std::int64_t r = 0; r < piece.rows; ++r) {
    const float* from = piece.queries + r * row_stride + head_offset;
    float* to = s.q + r * group_ * head_dim_;
    for (std::int64_t i = 0; i < group_ * head_dim_; ++i) to[i] = from[i] * scale;
  }
  std::fill(s.total_m, s.total_m + queries, kNothing);

  // Row r, at position p = first_position + r, sees [begin(p), p].
  const auto begin = [&piece](std::int64_t position) {
    return piece.window == 0 ? 0 : std::max<std::int64_t>(0, position - piece.window + 1);
  };
  const std::int64_t end = piece.first_position + piece.rows;
  std::int64_t page = begin(piece.first_position) / kKvPageTokens;
  while (page * kKvPageTokens < end) {
    const std::int64_t span_end = (page * kKvPageTokens / kAttentionSpan + 1) * kAttentionSpan;
    std::fill(s.m, s.m + queries, kNothing);
    std::fill(s.l, s.l + queries, 0.0F);
    std::fill(s.o, s.o + queries * head_dim_, 0.0F);
    for (; page * kKvPageTokens < std::min(end, span_end); ++page) {
      const std::int64_t start = page * kKvPageTokens;
      for (std::int64_t r = 0; r < piece.rows; ++r) {
        const std::int64_t position = piece.first_position + r;
        const std::int64_t from =
            std::clamp<std::int64_t>(begin(position) - start, 0, kKvPageTokens);
        const std::int64_t to = std::clamp<std::int64_t>(position + 1 - start, 0, kKvPageTokens);
        std::fill_n(s.first + r * group_, group_, static_cast<std::int32_t>(from));
        std::fill_n(s.last + r * group_, group_, static_cast<std::int32_t>(to));
      }
      const std::byte* keys = piece.cache->keys(piece.sequence, page, piece.layer, piece.kv_head);
      const std::byte* values =
          piece.cache->values(piece.sequence, page, piece.layer, piece.kv_head);
      const std::int64_t next = (page + 1) * kKvPageTokens < end ? page + 1 : page;
      const std::byte* next_keys =
          piece.cache->keys(piece.sequence, next, piece.layer, piece.kv_head);
      attend(s.q, queries, head_dim_, keys, values, next_keys, s.first, s.last, s.m, s.l, s.o);
    }
    for (std::int64_t i = 0; i < queries; ++i) {
      merge_state(s.m[i], s.l[i], s.o + i * head_dim_, head_dim_, s.total_m[i], s.total_l[i],
                  s.total_o + i * head_dim_);
    }
  }

  for (std::int64_t r = 0; r < piece.rows; ++r) {
    float* to = piece.out + r * row_stride + head_offset;
    for (std::int64_t g = 0; g < group_; ++g) {
      const std::int64_t row = r * group_ + g;
      const float* from = s.total_o + row * head_dim_;
      const float inverse = 1.0F / s.total_l[row];
      for (std::int64_t i = 0; i < head_dim_; ++i) to[g * head_dim_ + i] = from[i] * inverse;
    }
  }
}

void Attention::run(ThreadPool& pool, const KvCache& cache, std::int64_t layer, std::int64_t window,
                    std::span<const Segment> segments, const float* queries, float* out) noexcept {
  const auto blocks_of = [this](const Segment& s) {
    return (s.rows + block_rows_ - 1) / block_rows_;
  };
  std::int64_t blocks = 0;
  std::int64_t products = 0;
  for (const Segment& s : segments) {
    blocks += blocks_of(s);
    products += 2 * s.rows * (s.first_position + s.rows) * heads_ * head_dim_;
  }
  const std::int64_t pieces = blocks * kv_heads_;
  const std::int64_t grain = products < kWorthSharing ? std::max<std::int64_t>(pieces, 1) : 1;

  pool.parallel_for(pieces, grain, [&](int worker, std::int64_t first, std::int64_t last) {
    for (std::int64_t index = first; index < last; ++index) {
      // Late blocks see the most keys: they go first, so that no thread ends on one.
      std::int64_t block = blocks - 1 - index / kv_heads_;
      const Segment* s = segments.data();
      while (block >= blocks_of(*s)) block -= blocks_of(*s++);
      const std::int64_t row = block * block_rows_;
      const std::int64_t offset = (s->first_row + row) * heads_ * head_dim_;
      const Piece piece = {
          .cache = &cache,
          .layer = layer,
          .window = window,
          .kv_head = index % kv_heads_,
          .sequence = s->sequence,
          .first_position = s->first_position + row,
          .rows = std::min(block_rows_, s->rows - row),
          .queries = queries + offset,
          .out = out + offset,
      };
      attend_piece(piece, scratch_.data() + worker * scratch_floats_);
    }
  });
}

}  // namespace lathe
