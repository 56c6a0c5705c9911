// A small model of random weights, in memory.
#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "lathe/checkpoint_parts.h"

#include "checkpoint/model_tensors.h"
#include "support/layers.h"
#include "support/memory_checkpoint.h"

namespace lathe {

// A small llama with grouped heads.
inline ModelConfig small_config() {
  ModelConfig c;
  c.family = "llama";
  c.vocab_size = 50;
  c.hidden_size = 24;
  c.max_position = 400;
  LayerConfig layer;
  layer.attention.heads = 4;
  layer.attention.kv_heads = 2;
  layer.attention.head_dim = 6;
  layer.attention.rotary_dims = 6;
  layer.mlp.width = 40;
  c.layers.assign(2, layer);
  return c;
}

// Every tensor that `c` asks for, drawn at random so that logits are of order 1.
inline MemoryCheckpoint random_checkpoint(const ModelConfig& c, std::uint32_t seed = 1) {
  MemoryCheckpoint out(c);
  std::mt19937 generator(seed);
  const auto draw = [&generator](std::int64_t n, float low, float high) {
    std::vector<float> v(static_cast<std::size_t>(n));
    for (float& x : v) {
      x = low + (high - low) * static_cast<float>(generator() >> 8) / static_cast<float>(1 << 24);
    }
    return v;
  };
  for (const TensorSlot& slot : tensor_slots(c)) {
    const std::int64_t cols = slot.shape.back();
    if (slot.shape.size() == 2) {
      const float range = 1.7F / std::sqrt(static_cast<float>(cols));
      out.add_floats(slot.name(), slot.shape, draw(slot.shape[0] * cols, -range, range));
    } else if (slot.id.bias) {
      out.add_floats(slot.name(), slot.shape, draw(cols, -0.5F, 0.5F));
    } else {
      out.add_floats(slot.name(), slot.shape, draw(cols, 0.5F, 1.5F));
    }
  }
  return out;
}

using test::each_layer;

}  // namespace lathe
