#include "model/kv_layout.h"

#include <algorithm>
#include <limits>

#include "lathe/model_config.h"

#include "base/fail.h"
#include "model/kv_page.h"
#include "model/loaded_model.h"

namespace lathe {
namespace {

// Pages hold all layers: they are free when the layer that sees farthest is done with them.
std::int64_t widest_window(const ModelConfig& config) {
  std::int64_t widest = 0;
  for (const LayerConfig& layer : config.layers) {
    if (layer.attention.window == 0) return 0;
    widest = std::max(widest, layer.attention.window);
  }
  return widest;
}

}  // namespace

KvShape kv_shape(const ModelConfig& config, KvType type, Member member) {
  KvShape shape;
  shape.window = widest_window(config);
  shape.type = type;
  for (const LayerConfig& layer : config.layers) {
    const std::int64_t head_dim = layer.attention.head_dim;
    if (head_dim > kMaxKvHeadDim) {
      fail_unsupported("heads of {} dimensions: a KV cache holds up to {}", head_dim,
                       kMaxKvHeadDim);
    }
    shape.layers.push_back({kv_heads_split(layer.attention).of(member).size(), head_dim});
  }
  return shape;
}

KvLayout kv_layout(const Model& model, KvType type) {
  const KvShape shape = kv_shape(model.config(), type, loaded_of(model).member());
  return {.type = type,
          .page_tokens = kKvPageTokens,
          .page_bytes = shape.page_bytes(),
          .window_tokens = shape.window_tokens(),
          .fingerprint = shape.fingerprint()};
}

std::int64_t KvLayout::stored(std::int64_t length, std::int64_t chunk) const noexcept {
  return window_tokens == 0 ? length : std::min(length, window_tokens + chunk);
}

std::uint64_t KvLayout::bytes(std::int64_t length, std::int64_t chunk) const noexcept {
  const std::int64_t kept = stored(length, chunk);
  const auto pages = static_cast<std::uint64_t>(kept / page_tokens + (kept % page_tokens != 0));
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max() / page_bytes;
  return pages > most ? std::numeric_limits<std::uint64_t>::max() : pages * page_bytes;
}

}  // namespace lathe
