#include "model/kv_layout.h"

#include <algorithm>
#include <limits>

#include "lathe/model_config.h"

#include "base/fail.h"
#include "model/kv_page.h"
#include "model/loaded_model.h"

namespace lathe {
namespace {

// What pages hold is free when the layer that sees farthest is done with it.
std::int64_t widest_window(const ModelConfig& config) {
  std::int64_t widest = 0;
  for (const LayerConfig& layer : config.layers) {
    widest = std::max(widest, layer.attention.window);
  }
  return widest;
}

bool all_have_windows(const ModelConfig& config) {
  return std::all_of(config.layers.begin(), config.layers.end(),
                     [](const LayerConfig& layer) { return layer.attention.window != 0; });
}

}  // namespace

KvShape kv_shape(const ModelConfig& config, KvType type, const Share& share) {
  KvShape shape;
  (all_have_windows(config) ? shape.window : shape.near_window) = widest_window(config);
  shape.type = type;
  for (std::int64_t i = 0; i < config.num_layers(); ++i) {
    const LayerConfig& layer = config.layer(i);
    const bool own = i >= share.layers.first && i < share.layers.last;
    const std::int64_t head_dim = layer.attention.head_dim;
    if (head_dim > kMaxKvHeadDim) {
      fail_unsupported("heads of {} dimensions: a KV cache holds up to {}", head_dim,
                       kMaxKvHeadDim);
    }
    const std::int64_t heads = kv_heads_split(layer.attention).of(share.rows).size();
    shape.layers.push_back({own ? heads : 0, head_dim});
    if (shape.near_window != 0) shape.near.push_back(layer.attention.window != 0);
  }
  return shape;
}

KvLayout kv_layout(const Model& model, KvType type) {
  const KvShape shape = kv_shape(model.config(), type, loaded_of(model).share());
  return {.type = type,
          .page_tokens = kKvPageTokens,
          .page_bytes = shape.page_bytes(),
          .window_tokens = shape.window_tokens(),
          .near_bytes = shape.near_bytes(),
          .near_tokens = shape.near_tokens(),
          .fingerprint = shape.fingerprint()};
}

std::int64_t KvLayout::stored(std::int64_t length, std::int64_t chunk) const noexcept {
  return window_tokens == 0 ? length : std::min(length, window_tokens + chunk);
}

std::uint64_t KvLayout::bytes(std::int64_t length, std::int64_t chunk) const noexcept {
  const auto pages_of = [&](std::int64_t positions) {
    return static_cast<std::uint64_t>(positions / page_tokens + (positions % page_tokens != 0));
  };
  const std::uint64_t pages = pages_of(stored(length, chunk));
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max() / page_bytes;
  if (pages > most) return std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t near =
      near_tokens == 0 ? pages : pages_of(std::min(length, near_tokens + chunk));
  return pages * (page_bytes - near_bytes) + near * near_bytes;
}

}  // namespace lathe
