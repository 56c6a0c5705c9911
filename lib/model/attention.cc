#include "model/attention.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "kernels/select.h"
#include "model/kv_page.h"
#include "model/rotation.h"
#include "parallel/worth_sharing.h"

namespace lathe {
namespace {

// Query rows stacked per piece: enough to make reading a page worth while, few enough that
// queries and sums (head_dim 128: 16 KB each) stay in the first-level cache with the page.
constexpr std::int64_t kStackedQueries = 32;

// A sequence with fewer, larger pieces than this asks for is cut at its spans as well.
constexpr std::int64_t kPiecesPerWorker = 4;

// Memory for the states of spans: 32 MB. Beyond, pieces stay whole.
constexpr std::int64_t kMaxSlotFloats = 8 << 20;

constexpr float kNothing = -std::numeric_limits<float>::infinity();

ForwardKernels::Attend attend_floats(KvType type) {
  const ForwardKernels& table = kernels().forward;
  return type == KvType::kF32 ? table.attend_f32 : table.attend_f16;
}

// e^(x - max) with the kernels' exponential.
float exp_minus(float x, float max) { return kernels().forward.sum_exp(&x, 1, max); }

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

// What sums of values are multiplied by at the end, whose weights are e^(score - m) and add up to
// l, where a sink is one weight more.
float divisor_with(const float* sink, float m, float l) {
  if (sink == nullptr) return 1.0F / l;
  const float max = std::max(m, *sink);
  const float scale = exp_minus(m, max);
  return scale / (l * scale + exp_minus(*sink, max));
}

}  // namespace

// Some rows of one sequence and one KV head.
struct Attention::Piece {
  const KvCache* cache;
  std::int64_t layer;
  std::int64_t window;
  std::int64_t kv_head;     // as the cache counts them
  std::int64_t first_head;  // of those that read it
  std::int64_t heads;
  SequenceId sequence;
  std::int64_t first_position;
  std::int64_t rows;
  const float* queries;  // of the first row
  float* out;

  // Row r, at position p = first_position + r, sees [begin(p), p].
  std::int64_t begin(std::int64_t position) const {
    return window == 0 ? 0 : std::max<std::int64_t>(0, position - window + 1);
  }
  std::int64_t end() const { return first_position + rows; }
  std::int64_t first_span() const { return begin(first_position) / kAttentionSpan; }
  std::int64_t last_span() const { return (end() - 1) / kAttentionSpan; }
};

// The online softmax of some queries: running maxima and sums, outputs that are not yet divided.
struct Attention::State {
  // Takes its memory from p on.
  State(float*& p, std::int64_t queries, std::int64_t head_dim) {
    o = take(p, queries * head_dim);
    m = take(p, queries);
    l = take(p, queries);
  }
  static std::int64_t padded(std::int64_t n) { return (n + 15) / 16 * 16; }
  static float* take(float*& p, std::int64_t n) { return std::exchange(p, p + padded(n)); }
  static std::int64_t floats(std::int64_t queries, std::int64_t head_dim) {
    return padded(queries * head_dim) + 2 * padded(queries);
  }

  float *o, *m, *l;
};

// One worker's memory: the stacked queries as floats and as bytes, the ranges of keys that each
// sees in a page, and the sums of the present span and of all spans so far.
struct Attention::Scratch {
  Scratch(float* p, std::int64_t queries, std::int64_t head_dim)
      : span(p, queries, head_dim), total(p, queries, head_dim) {
    q = State::take(p, queries * head_dim);
    bytes.q = reinterpret_cast<std::int8_t*>(State::take(p, queries * byte_floats(head_dim)));
    bytes.scale = State::take(p, queries);
    bytes.minus_eight_sum = reinterpret_cast<std::int32_t*>(State::take(p, queries));
    bytes.rows = queries;
    first = reinterpret_cast<std::int32_t*>(State::take(p, queries));
    last = reinterpret_cast<std::int32_t*>(State::take(p, queries));
  }
  static std::int64_t floats(std::int64_t queries, std::int64_t head_dim) {
    return 2 * State::floats(queries, head_dim) + State::padded(queries * head_dim) +
           State::padded(queries * byte_floats(head_dim)) + 4 * State::padded(queries);
  }
  // A row's bytes in place of floats.
  static std::int64_t byte_floats(std::int64_t head_dim) { return byte_block_dims(head_dim) / 4; }

  State span, total;
  float* q;
  ByteRows bytes;
  std::int32_t *first, *last;
};

Attention::Shape Attention::shape_of(const AttentionConfig& config, Member member) {
  const std::int64_t group = config.heads / config.kv_heads;
  return {.heads = config.heads,
          .kv_heads = config.kv_heads,
          .head_dim = config.head_dim,
          .window = config.window,
          .group = group,
          .own = heads_split(config).of(member),
          .own_kv = kv_heads_split(config).of(member),
          .block_rows = std::max<std::int64_t>(1, kStackedQueries / group),
          .scale = config.scale != 0.0 ? static_cast<float>(config.scale)
                                       : 1.0F / std::sqrt(static_cast<float>(config.head_dim)),
          .soft_cap = static_cast<float>(config.soft_cap)};
}

Attention::Attention(std::span<const LayerConfig> layers, std::int64_t context, int workers,
                     Member member)
    : workers_(workers) {
  std::int64_t most = 0;  // floats of a span that all heads of some rows see
  for (const LayerConfig& layer : layers) {
    const Shape& shape = layers_.emplace_back(shape_of(layer.attention, member));
    const std::int64_t queries = shape.group * shape.block_rows;
    scratch_floats_ = std::max(scratch_floats_, Scratch::floats(queries, shape.head_dim));
    most = std::max(most, shape.own_kv.size() * State::floats(queries, shape.head_dim));
  }
  scratch_.ensure(scratch_floats_ * workers);
  if (workers == 1) return;
  // Whether a span finds a slot changes nothing but the time that it takes.
  slot_floats_ = std::min(kMaxSlotFloats, most * kPiecesPerWorker * (context / kAttentionSpan + 1));
  slot_memory_.ensure(slot_floats_);
}

// s.q [rows · heads][head_dim]: query row r · heads + g is head first_head + g of row r. In s.bytes
// the same, where the cache has integers.
void Attention::gather_queries(const Piece& piece, const Scratch& s) const noexcept {
  const std::int64_t row_stride = shape_.heads * shape_.head_dim;
  const std::int64_t head_offset = piece.first_head * shape_.head_dim;
  for (std::int64_t r = 0; r < piece.rows; ++r) {
    const float* from = piece.queries + r * row_stride + head_offset;
    float* to = s.q + r * piece.heads * shape_.head_dim;
    for (std::int64_t i = 0; i < piece.heads * shape_.head_dim; ++i) to[i] = from[i] * shape_.scale;
  }
  if (!keeps_turned(piece.cache->shape().type)) return;
  for (std::int64_t i = 0; i < piece.rows * piece.heads; ++i) {
    float* query = s.q + i * shape_.head_dim;
    rotate(query, shape_.head_dim);
    kernels().forward.quantize_bytes(query, shape_.head_dim, s.bytes, i);
  }
}

// The pages of one span, in order.
void Attention::attend_span(const Piece& piece, std::int64_t span, const Scratch& s,
                            const State& state) const noexcept {
  const std::int64_t queries = piece.rows * piece.heads;
  const KvType type = piece.cache->shape().type;
  // `q`: the queries in the form that the kernel reads.
  const auto attend_page = [&](auto attend, const auto& q, std::int64_t page, std::int64_t next) {
    const auto keys = [&piece](std::int64_t at) {
      return piece.cache->keys(piece.sequence, at, piece.layer, piece.kv_head);
    };
    attend(q, queries, shape_.head_dim, keys(page),
           piece.cache->values(piece.sequence, page, piece.layer, piece.kv_head), keys(next),
           s.first, s.last, shape_.soft_cap, state.m, state.l, state.o);
  };
  std::fill(state.m, state.m + queries, kNothing);
  std::fill(state.l, state.l + queries, 0.0F);
  std::fill(state.o, state.o + queries * shape_.head_dim, 0.0F);
  const std::int64_t end = std::min(piece.end(), (span + 1) * kAttentionSpan);
  std::int64_t page =
      std::max(piece.begin(piece.first_position), span * kAttentionSpan) / kKvPageTokens;
  for (; page * kKvPageTokens < end; ++page) {
    const std::int64_t start = page * kKvPageTokens;
    for (std::int64_t r = 0; r < piece.rows; ++r) {
      const std::int64_t position = piece.first_position + r;
      const std::int64_t from =
          std::clamp<std::int64_t>(piece.begin(position) - start, 0, kKvPageTokens);
      const std::int64_t to = std::clamp<std::int64_t>(position + 1 - start, 0, kKvPageTokens);
      std::fill_n(s.first + r * piece.heads, piece.heads, static_cast<std::int32_t>(from));
      std::fill_n(s.last + r * piece.heads, piece.heads, static_cast<std::int32_t>(to));
    }
    const std::int64_t next = (page + 1) * kKvPageTokens < piece.end() ? page + 1 : page;
    if (type == KvType::kInt8) {
      attend_page(kernels().forward.attend_int8, s.bytes, page, next);
    } else if (type == KvType::kInt4) {
      attend_page(kernels().forward.attend_int4, s.bytes, page, next);
    } else if (type == KvType::kK8V4) {
      attend_page(kernels().forward.attend_k8v4, s.bytes, page, next);
    } else {
      attend_page(attend_floats(type), s.q, page, next);
    }
  }
}

// Adds the state of one span to that of the spans before it.
void Attention::merge(const State& span, std::int64_t queries, const State& total) const noexcept {
  for (std::int64_t i = 0; i < queries; ++i) {
    merge_state(span.m[i], span.l[i], span.o + i * shape_.head_dim, shape_.head_dim, total.m[i],
                total.l[i], total.o + i * shape_.head_dim);
  }
}

void Attention::finish(const Piece& piece, const State& total) const noexcept {
  const bool turned = keeps_turned(piece.cache->shape().type);
  for (std::int64_t r = 0; r < piece.rows; ++r) {
    float* to = piece.out + (r * shape_.heads + piece.first_head) * shape_.head_dim;
    for (std::int64_t g = 0; g < piece.heads; ++g) {
      const std::int64_t row = r * piece.heads + g;
      const float* from = total.o + row * shape_.head_dim;
      const float* sink = sinks_ == nullptr ? nullptr : sinks_ + piece.first_head + g;
      const float inverse = divisor_with(sink, total.m[row], total.l[row]);
      float* head = to + g * shape_.head_dim;
      for (std::int64_t i = 0; i < shape_.head_dim; ++i) head[i] = from[i] * inverse;
      if (turned) rotate(head, shape_.head_dim);
    }
  }
}

void Attention::attend_piece(const Piece& piece, const Scratch& s) const noexcept {
  const std::int64_t queries = piece.rows * piece.heads;
  gather_queries(piece, s);
  attend_span(piece, piece.first_span(), s, s.total);
  for (std::int64_t span = piece.first_span() + 1; span <= piece.last_span(); ++span) {
    attend_span(piece, span, s, s.span);
    merge(s.span, queries, s.total);
  }
  finish(piece, s.total);
}

Attention::Piece Attention::piece_at(const Call& call, const Segment& segment, std::int64_t block,
                                     std::int64_t kv_head) const noexcept {
  const std::int64_t row = block * shape_.block_rows;
  const std::int64_t offset = (segment.first_row + row) * shape_.heads * shape_.head_dim;
  const std::int64_t group = (shape_.own_kv.first + kv_head) * shape_.group;
  const std::int64_t first_head = std::max(group, shape_.own.first);
  return {.cache = &call.cache,
          .layer = call.layer,
          .window = shape_.window,
          .kv_head = kv_head,
          .first_head = first_head,
          .heads = std::min(group + shape_.group, shape_.own.last) - first_head,
          .sequence = segment.sequence,
          .first_position = segment.first_position + row,
          .rows = std::min(shape_.block_rows, segment.rows - row),
          .queries = call.queries + offset,
          .out = call.out + offset};
}

std::int64_t Attention::blocks_of(const Segment& segment) const noexcept {
  return (segment.rows + shape_.block_rows - 1) / shape_.block_rows;
}

std::int64_t Attention::products_of(const Segment& segment) const noexcept {
  return 2 * segment.rows * (segment.first_position + segment.rows) * shape_.own.size() *
         shape_.head_dim;
}

// Late segments first: those of one prompt see more and more.
void Attention::share_out(const Call& call) noexcept {
  shares_.clear();
  std::int64_t units = 0;
  std::int64_t floats = 0;
  for (auto s = call.segments.rbegin(); s != call.segments.rend(); ++s) {
    Share share = {.segment = &*s, .first_unit = units, .first_float = floats};
    const std::int64_t products = products_of(*s);
    const bool large = products > kProductsWorthSharing && products * kPiecesPerWorker * workers_ >
                                                               call.products * shape_.own_kv.size();
    if (large && blocks_of(*s) == 1) {
      const Piece piece = piece_at(call, *s, 0, 0);
      const std::int64_t spans = piece.last_span() - piece.first_span() + 1;
      // No more than its queries want: a written token has few, and far into a context there are
      // many spans.
      share.slot_floats = State::floats(piece.rows * shape_.group, shape_.head_dim);
      const std::int64_t wanted = spans * shape_.own_kv.size() * share.slot_floats;
      if (spans > 1 && floats + wanted <= slot_floats_) {
        share.spans = spans;
        floats += wanted;
      }
    }
    units += shape_.own_kv.size() * (share.spans == 0 ? blocks_of(*s) : share.spans);
    shares_.push_back(share);
  }
  units_ = units;
}

Attention::State Attention::slot(const Share& share, std::int64_t index) noexcept {
  float* p = slot_memory_.data() + share.first_float + index * share.slot_floats;
  const std::int64_t rows = std::min(shape_.block_rows, share.segment->rows);
  return {p, rows * shape_.group, shape_.head_dim};
}

void Attention::attend_unit(const Call& call, std::int64_t unit, const Scratch& scratch) noexcept {
  const Share& share =
      *std::prev(std::upper_bound(shares_.begin(), shares_.end(), unit,
                                  [](std::int64_t u, const Share& s) { return u < s.first_unit; }));
  unit -= share.first_unit;
  if (share.spans == 0) {
    // Late blocks see the most keys: they go first, so that no thread ends on one.
    const std::int64_t block = blocks_of(*share.segment) - 1 - unit / shape_.own_kv.size();
    attend_piece(piece_at(call, *share.segment, block, unit % shape_.own_kv.size()), scratch);
    return;
  }
  const Piece piece = piece_at(call, *share.segment, 0, unit / share.spans);
  gather_queries(piece, scratch);
  attend_span(piece, piece.first_span() + unit % share.spans, scratch, slot(share, unit));
}

void Attention::merge_slots(const Call& call, const Share& share, std::int64_t kv_head,
                            const State& total) noexcept {
  const Piece piece = piece_at(call, *share.segment, 0, kv_head);
  const std::int64_t queries = piece.rows * piece.heads;
  std::fill(total.m, total.m + queries, kNothing);
  for (std::int64_t i = 0; i < share.spans; ++i) {
    merge(slot(share, kv_head * share.spans + i), queries, total);
  }
  finish(piece, total);
}

void Attention::run(ThreadPool& pool, const KvCache& cache, std::int64_t layer,
                    std::span<const Segment> segments, const float* queries, float* out,
                    const float* sinks) noexcept {
  sinks_ = sinks;
  shape_ = layers_[static_cast<std::size_t>(layer)];
  Call call = {cache, layer, segments, queries, out, 0};
  for (const Segment& s : segments) call.products += products_of(s);
  share_out(call);
  const auto scratch_of = [this](int worker) {
    return Scratch(scratch_.data() + worker * scratch_floats_, shape_.group * shape_.block_rows,
                   shape_.head_dim);
  };
  const std::int64_t grain =
      call.products < kProductsWorthSharing ? std::max<std::int64_t>(units_, 1) : 1;
  pool.parallel_for(units_, grain, [&](int worker, std::int64_t first, std::int64_t last) {
    const Scratch scratch = scratch_of(worker);
    for (std::int64_t unit = first; unit < last; ++unit) attend_unit(call, unit, scratch);
  });
  for (const Share& share : shares_) {
    if (share.spans == 0) continue;
    pool.parallel_for(shape_.own_kv.size(), 1, [&](int worker, std::int64_t head, std::int64_t) {
      merge_slots(call, share, head, scratch_of(worker).total);
    });
  }
}

}  // namespace lathe
