// The weights of a decoder-only transformer, by what they do.
//
// Nothing here knows a family or a name: the checkpoint says of each tensor which role it has in
// which layer, and has checked that all are there with the shapes that its configuration gives
// them (checkpoint/model_tensors.h).
//
// Errors: kUnsupported (an adapter of the embedding), kLimit (memory). Immutable after load, so
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/lora.h"

#include "model/linear.h"
#include "model/split.h"

namespace lathe {

// A feed-forward part.
struct ExpertWeights {
  std::unique_ptr<Linear> gate;  // [width, hidden], or nothing
  std::unique_ptr<Linear> up;    // [width, hidden]
  std::unique_ptr<Linear> down;  // [hidden, width]
};

// Several, where a layer has experts.
struct MixtureWeights {
  std::vector<float> router;          // [hidden][experts], turned
  std::vector<float> router_bias;     // [experts], or empty
  std::vector<float> selection_bias;  // [experts], or empty
  std::vector<ExpertWeights> experts;
  std::vector<float> shared_switch;  // [hidden], or empty
  ExpertWeights shared;              // or nothing
};

struct LayerWeights {
  std::vector<float> attention_norm;       // [hidden], or empty
  std::unique_ptr<Linear> q;               // [heads · head_dim, hidden]
  std::unique_ptr<Linear> k;               // [kv_heads · head_dim, hidden]
  std::unique_ptr<Linear> v;               // [kv_heads · head_dim, hidden]
  std::vector<float> q_norm;               // [head_dim] or [heads · head_dim], or empty
  std::vector<float> k_norm;               // [head_dim] or [kv_heads · head_dim], or empty
  std::unique_ptr<Linear> o;               // [hidden, heads · head_dim]
  std::vector<float> sinks;                // [heads], or empty
  std::vector<float> attention_post_norm;  // [hidden], or empty
  std::vector<float> mlp_norm;             // [hidden], or empty
  ExpertWeights mlp;                       // where there are no experts
  MixtureWeights mixture;                  // where there are
  std::vector<float> mlp_post_norm;        // [hidden], or empty
};

struct Weights {
  std::unique_ptr<Linear> embedding;  // [vocab, hidden]
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;  // [hidden]
  std::unique_ptr<Linear> head;   // [vocab, hidden], or nothing: the embedding, transposed

  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;

  const Linear& output() const noexcept { return head != nullptr ? *head : *embedding; }
};

// The matrix that has that role; throws kBug where there is none.
std::unique_ptr<Linear>& matrix_at(Weights& weights, const TensorId& id);

// The result keeps pointers into the checkpoint, which must outlive it. `adapter` may be null; it
// fits the checkpoint, and is copied. `pool` shares what must be re-expressed. Of each matrix the
// rows are loaded that this process computes.
Weights load_weights(const Checkpoint& checkpoint, const LoraAdapter* adapter, ThreadPool& pool,
                     const Share& share = {});

}  // namespace lathe
